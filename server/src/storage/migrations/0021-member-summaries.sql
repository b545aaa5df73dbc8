-- For summaries of large rooms: who is invited, and whom a room without a name is called by (see `heroes`), in that order.
CREATE INDEX memberships_invited ON memberships (room_nid) WHERE membership = 'invite';
CREATE INDEX memberships_heroes ON memberships (room_nid, (membership NOT IN ('join', 'invite')), position, user_id)
  WHERE membership IN ('join', 'invite', 'leave', 'ban');
