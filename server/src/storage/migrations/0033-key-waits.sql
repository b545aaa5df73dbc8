-- Events that wait for keys are looked at again when a key of their server comes, and when it is time for them (see waiting-pdus.ts).
CREATE INDEX waiting_pdus_by_key_server ON waiting_pdus (key_server) WHERE key_server IS NOT NULL;
CREATE INDEX waiting_pdus_for_keys ON waiting_pdus (next_try_ts) WHERE key_server IS NOT NULL;
