-- The log: one total order of every durable change that a client or a peer can observe. The single row of log_head is
-- locked from the moment a transaction takes positions until it commits, so positions become visible in order.
CREATE TABLE log_head (
  one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
  position bigint NOT NULL
);
INSERT INTO log_head (position) VALUES (0);

CREATE TABLE log (
  position bigint PRIMARY KEY,
  kind text NOT NULL,
  room_nid bigint,
  user_id text,
  ref bigint
);

-- Ids are handed out in blocks, so that a process knows the id of an event before it writes it.
CREATE SEQUENCE event_nids INCREMENT BY 256;
CREATE SEQUENCE state_snapshot_ids INCREMENT BY 64;
-- Positions of events from before what we had: they count downwards.
CREATE SEQUENCE backfill_positions INCREMENT BY -1 START WITH -1;

-- A room and its head. The row is locked by whoever adds events, so the head is never a guess inside a transaction.
CREATE TABLE rooms (
  nid bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  room_id text NOT NULL UNIQUE,
  version text NOT NULL,
  -- Forward extremities: event nids that no event refers to yet. Empty while we only hold an invite.
  extremities bigint[] NOT NULL DEFAULT '{}',
  depth bigint NOT NULL DEFAULT 0,
  -- Resolved state over the extremities.
  current_state bigint,
  last_position bigint NOT NULL DEFAULT 0,
  -- Position of the last event sent by a user of this server: what destinations may still lack.
  last_local_position bigint NOT NULL DEFAULT 0,
  published boolean NOT NULL DEFAULT false
) WITH (fillfactor = 70);
CREATE INDEX rooms_published ON rooms (nid) WHERE published;

-- (event type, state key) pairs, interned.
CREATE TABLE state_keys (
  nid bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  type text NOT NULL,
  state_key text NOT NULL,
  UNIQUE (type, state_key)
);

CREATE TYPE admission AS ENUM ('accepted', 'soft_failed', 'rejected', 'outlier');

CREATE TABLE events (
  nid bigint PRIMARY KEY,
  event_id text NOT NULL UNIQUE,
  room_nid bigint NOT NULL REFERENCES rooms (nid),
  -- Order of the room's timeline: the log position, or negative where backfilled. NULL for outliers and rejected events.
  position bigint,
  admission admission NOT NULL,
  type text NOT NULL,
  state_key_nid bigint,
  sender text NOT NULL,
  depth bigint NOT NULL,
  origin_server_ts bigint NOT NULL,
  -- Sent by a user of this server, so that other servers must get it from us.
  local boolean NOT NULL,
  -- Edges of the graph, as far as we hold the events. Missing ones are in missing_prev_events.
  prev_events bigint[] NOT NULL,
  auth_events bigint[] NOT NULL,
  -- State snapshots: before and after this event in the graph, and of the room as a whole once it had been added.
  state_before bigint,
  state_after bigint,
  room_state bigint,
  redacted_by bigint,
  -- m.relates_to, projected.
  relates_to text,
  relation_type text,
  -- Which client's request made it, to be shown to that device alone.
  device_id text,
  transaction_id text,
  -- Why it was rejected or soft-failed, for people.
  reason text,
  -- The PDU in canonical JSON, with hashes and signatures, as sent.
  pdu text NOT NULL
);
CREATE INDEX events_timeline ON events (room_nid, position) WHERE position IS NOT NULL;
CREATE INDEX events_relations ON events (relates_to, position) WHERE relates_to IS NOT NULL;

-- Events that some event of ours names as previous and that we do not hold: where history goes on elsewhere.
CREATE TABLE missing_prev_events (
  room_nid bigint NOT NULL,
  event_id text NOT NULL,
  referenced_by bigint NOT NULL,
  PRIMARY KEY (room_nid, event_id, referenced_by)
);

-- Redactions whose target has not arrived yet.
CREATE TABLE waiting_redactions (
  target_event_id text NOT NULL,
  redaction_nid bigint NOT NULL,
  -- The sender has no power to redact others: it counts only for events of the sender's own server.
  same_server_only boolean NOT NULL,
  PRIMARY KEY (target_event_id, redaction_nid)
);

-- Immutable room state as pairs of integers, each row the difference to its parent (see state-snapshots.ts).
CREATE TABLE state_snapshots (
  id bigint PRIMARY KEY,
  parent bigint,
  sequence bigint NOT NULL,
  state_key_nids bigint[] NOT NULL,
  event_nids bigint[] NOT NULL
);

-- Current state of each room: the projection of rooms.current_state that can be asked for single keys.
CREATE TABLE current_state (
  room_nid bigint NOT NULL,
  state_key_nid bigint NOT NULL,
  event_nid bigint NOT NULL,
  PRIMARY KEY (room_nid, state_key_nid)
);
CREATE INDEX current_state_by_key ON current_state (state_key_nid, room_nid);

-- Current membership of each user in each room.
CREATE TABLE memberships (
  room_nid bigint NOT NULL,
  user_id text NOT NULL,
  membership text NOT NULL,
  event_nid bigint NOT NULL,
  sender text NOT NULL,
  server text NOT NULL,
  position bigint NOT NULL,
  display_name text,
  avatar_url text,
  -- Where the user last stopped being joined.
  left_position bigint,
  forgotten boolean NOT NULL DEFAULT false,
  -- Stripped state that came with an invite or a knock, as JSON text.
  stripped_state text,
  PRIMARY KEY (room_nid, user_id)
);
CREATE INDEX memberships_by_user ON memberships (user_id, membership);
CREATE INDEX memberships_by_server ON memberships (room_nid, server) WHERE membership = 'join';

-- Servers that take part in a room, and the span of positions whose events they must get from us.
CREATE TABLE room_servers (
  room_nid bigint NOT NULL,
  server text NOT NULL,
  joined_members integer NOT NULL,
  since_position bigint NOT NULL,
  -- Set when the last member left: events up to here are still theirs.
  until_position bigint,
  PRIMARY KEY (server, room_nid)
);
CREATE INDEX room_servers_by_room ON room_servers (room_nid);

-- What a client's transaction id has led to. Kept for a week.
CREATE TABLE client_transactions (
  key bytea PRIMARY KEY,
  event_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX client_transactions_age ON client_transactions USING brin (created_at);

CREATE TABLE room_aliases (
  alias text PRIMARY KEY,
  room_nid bigint NOT NULL REFERENCES rooms (nid),
  creator text NOT NULL
);
CREATE INDEX room_aliases_by_room ON room_aliases (room_nid);

CREATE TABLE receipts (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  room_nid bigint NOT NULL,
  user_id text NOT NULL,
  receipt_type text NOT NULL,
  -- 'main', a thread root's event id, or '' for an unthreaded receipt.
  thread_id text NOT NULL,
  event_id text NOT NULL,
  -- Timeline position of the event, where we hold it.
  event_position bigint,
  ts bigint NOT NULL,
  -- Position in the log.
  position bigint NOT NULL,
  UNIQUE (room_nid, user_id, receipt_type, thread_id)
);
CREATE INDEX receipts_by_position ON receipts (room_nid, position);
