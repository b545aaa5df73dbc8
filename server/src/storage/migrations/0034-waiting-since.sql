-- Since when an event waits: it is given up some time after that (see waiting-pdus.ts). Of those that wait already that is not
-- known any more; it is less than a day.
ALTER TABLE waiting_pdus ADD COLUMN kept_ts bigint;
UPDATE waiting_pdus SET kept_ts = next_try_ts;
ALTER TABLE waiting_pdus ALTER COLUMN kept_ts SET NOT NULL;
