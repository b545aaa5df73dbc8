-- Messages to devices of ours that have not been fetched yet: a device's next sync confirms those of the one before.
CREATE TABLE to_device (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id text NOT NULL,
  device_id text NOT NULL,
  sender text NOT NULL,
  -- Who answers for how many there are: the sender, or the server that the sender is from.
  source text NOT NULL,
  type text NOT NULL,
  content text NOT NULL,
  -- Position in the log.
  position bigint NOT NULL,
  FOREIGN KEY (user_id, device_id) REFERENCES devices (user_id, device_id) ON DELETE CASCADE
);
CREATE INDEX to_device_by_position ON to_device (user_id, device_id, position);

-- EDUs with messages to devices of other servers, until their server has them.
CREATE TABLE to_device_outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  server text NOT NULL,
  sender text NOT NULL,
  -- The `content` of the EDU as JSON text.
  content text NOT NULL,
  -- Position in the log, which EDUs of one request share.
  position bigint NOT NULL
);
CREATE INDEX to_device_outbox_by_server ON to_device_outbox (server, id);
CREATE INDEX to_device_outbox_by_sender ON to_device_outbox (sender, id);
CREATE INDEX to_device_outbox_by_position ON to_device_outbox (position);

-- Ids of the last such EDUs of each server, so that a repeated one changes nothing.
CREATE TABLE received_to_device (
  server text NOT NULL,
  message_id_hash bytea NOT NULL,
  id bigint GENERATED ALWAYS AS IDENTITY,
  PRIMARY KEY (server, message_id_hash)
);
CREATE INDEX received_to_device_by_age ON received_to_device (server, id);
