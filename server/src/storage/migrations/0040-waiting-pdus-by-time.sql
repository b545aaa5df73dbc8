-- Whatever waits is looked at again when it is time for it, not only what waits for keys (see waiting-pdus.ts).
DROP INDEX waiting_pdus_for_keys;
CREATE INDEX waiting_pdus_due ON waiting_pdus (next_try_ts);
