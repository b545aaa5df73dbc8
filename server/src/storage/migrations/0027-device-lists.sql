-- When the devices of a user last changed, for local users and for those of others who share a room with one. There is one row
-- per user: a server that has missed the change before the last asks for the whole list.
CREATE TABLE device_lists (
  user_id text PRIMARY KEY,
  -- Position in the log; to other servers the version of the list.
  position bigint NOT NULL,
  -- The position before; 0 for the first change.
  previous_position bigint NOT NULL,
  -- What changed last; empty for users of other servers.
  device_id text NOT NULL
);
CREATE INDEX device_lists_by_position ON device_lists (position);

-- Position of the change with which the user became joined. NULL: not joined.
ALTER TABLE memberships ADD COLUMN joined_position bigint;
UPDATE memberships SET joined_position = position WHERE membership = 'join';
-- Who came and went in a room since a moment.
CREATE INDEX memberships_by_position ON memberships (room_nid, position);
