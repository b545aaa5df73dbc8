-- What other servers must get from us, room by room, without looking at what they have sent to us.
CREATE INDEX events_local ON events (room_nid, position) WHERE local AND position IS NOT NULL;
