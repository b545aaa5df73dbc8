-- Events of other servers that were refused only because something that they build on could not be had (see waiting-pdus.ts).
CREATE TABLE waiting_pdus (
  room_nid bigint NOT NULL,
  event_id text NOT NULL,
  -- Server that brought it, and is asked for what is missing.
  origin text NOT NULL,
  pdu text NOT NULL,
  prev_events text[] NOT NULL,
  auth_events text[] NOT NULL,
  -- How often it has been looked at again, and from when on its server may be asked once more.
  tries integer NOT NULL DEFAULT 0,
  next_try_ts bigint NOT NULL,
  PRIMARY KEY (room_nid, event_id)
);
CREATE INDEX waiting_pdus_by_origin ON waiting_pdus (origin, next_try_ts);
