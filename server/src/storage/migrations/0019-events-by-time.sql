-- What was said closest to a moment.
CREATE INDEX events_by_time ON events (room_nid, origin_server_ts, position) WHERE position IS NOT NULL;
