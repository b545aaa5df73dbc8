-- Public halves of this server's signing keys. Each data folder has a key of its own, so that the private half never leaves it
-- and several processes on one database need to share no secret: what is published is all of them.
CREATE TABLE own_signing_keys (
  key_id text PRIMARY KEY,
  public_key text NOT NULL,
  -- Milliseconds since 1970, as everywhere in this file.
  created_at bigint NOT NULL,
  -- Moved on while a process runs with the key. One that nobody has used for long is published as an old key.
  last_used_at bigint NOT NULL
);

-- Signing keys of other servers.
CREATE TABLE server_keys (
  server_name text NOT NULL,
  key_id text NOT NULL,
  public_key text NOT NULL,
  -- Last moment for which a signature counts: valid_until_ts, at most 7 days after the fetch, or the expired_ts of an old key.
  valid_until bigint NOT NULL,
  -- Whether the server itself said so, and not a notary.
  from_origin boolean NOT NULL,
  PRIMARY KEY (server_name, key_id)
);

-- The last answer of each server to GET /_matrix/key/v2/server, for those who ask us as a notary.
CREATE TABLE server_key_answers (
  server_name text PRIMARY KEY,
  fetched_at bigint NOT NULL,
  valid_until bigint NOT NULL,
  -- JSON text as signed by the server.
  answer text NOT NULL
);

-- Servers that we send to. A row exists once there was something to remember.
CREATE TABLE destinations (
  server_name text PRIMARY KEY,
  -- First failure of the present outage. NULL while the server can be reached.
  failing_since bigint,
  -- No attempt is made before this moment.
  retry_at bigint,
  -- Log position up to which everything has been delivered. Nothing is queued: what is behind this is still to be sent.
  sent_position bigint NOT NULL DEFAULT 0,
  -- End of the transaction that is being tried, so that it is repeated as it was after a restart.
  sending_position bigint
);
