-- Whose invites were taken back and who was removed, for telling their servers, which may not be in the room.
CREATE INDEX memberships_ended ON memberships (server, position) WHERE membership IN ('leave', 'ban');
