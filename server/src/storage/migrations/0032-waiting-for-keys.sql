-- Events that wait for a key of the server that signed them: nobody has verified those, so what one server brings does not stand
-- in for what another brings (see waiting-pdus.ts).
ALTER TABLE waiting_pdus DROP CONSTRAINT waiting_pdus_pkey, ADD PRIMARY KEY (room_nid, event_id, origin);
ALTER TABLE waiting_pdus ADD COLUMN key_server text, ADD COLUMN key_ids text[],
  -- When the key has to be valid; NULL where that does not matter.
  ADD COLUMN key_valid_at bigint;
