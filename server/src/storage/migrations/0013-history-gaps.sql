-- Whether the event that names the missing one is part of what led to the room's present: accepted, or found on the way back.
-- Refused events of now may name anything, so their gaps are not followed.
ALTER TABLE missing_prev_events ADD COLUMN leads_back boolean NOT NULL DEFAULT true;
