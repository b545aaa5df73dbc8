-- Events whose state before them is not only what their previous events make of it: another server told it, in place of events
-- that could not be had (see told-states.ts). One row for each of those.
CREATE TABLE told_states (
  event_nid bigint NOT NULL,
  room_nid bigint NOT NULL,
  missing text NOT NULL,
  PRIMARY KEY (event_nid, missing)
);
CREATE INDEX told_states_by_room ON told_states (room_nid);

INSERT INTO told_states (event_nid, room_nid, missing)
  SELECT m.referenced_by, m.room_nid, m.event_id FROM missing_prev_events m JOIN events e ON e.nid = m.referenced_by
  WHERE e.state_before IS NOT NULL AND coalesce(e.position, 1) > 0 AND NOT e.local;
