-- How often the name or avatar of a user has changed, and how many of these changes the rooms of the user show: a process that
-- ends in between leaves the difference for the next one.
ALTER TABLE profiles ADD COLUMN member_changes bigint NOT NULL DEFAULT 0,
  ADD COLUMN member_changes_shown bigint NOT NULL DEFAULT 0;
CREATE INDEX profiles_unshown ON profiles (user_id) WHERE member_changes > member_changes_shown;
-- Whoever has closed their account leaves their rooms, also if that was cut off.
CREATE INDEX accounts_closed ON accounts (user_id) WHERE is_deactivated;
-- Somebody of a server in a room, those who have been there for longest first.
CREATE INDEX memberships_longest ON memberships (room_nid, server, joined_position) WHERE membership = 'join';
DROP INDEX memberships_by_server;
