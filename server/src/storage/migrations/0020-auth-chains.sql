-- Index of who is authorised by whom (see auth-chains.ts): the state events of a room, divided into chains in which each event
-- names the one before it as an auth event.
CREATE TABLE auth_chains (
  event_nid bigint PRIMARY KEY,
  -- Nid of the first event of the chain.
  chain bigint NOT NULL,
  -- From 1.
  sequence bigint NOT NULL,
  -- Auth events of other chains, but those that another auth event names too.
  links bigint[] NOT NULL,
  UNIQUE (chain, sequence)
);
CREATE INDEX auth_chains_links ON auth_chains (chain, sequence) WHERE links <> '{}';

-- The events that there are, one after the other. Nearly all have come in after their auth events; those that have not wait.
SET LOCAL statement_timeout = 0;
CREATE TEMPORARY TABLE waiting (nid bigint PRIMARY KEY) ON COMMIT DROP;
CREATE FUNCTION pg_temp.place (placed_nid bigint, key_nid bigint, auth bigint[]) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  previous auth_chains;
BEGIN
  IF EXISTS (SELECT FROM unnest(auth) AS a (nid) WHERE NOT EXISTS (SELECT FROM auth_chains c WHERE c.event_nid = a.nid)) THEN
    RETURN false;
  END IF;
  -- Of several that name the same one, the first goes on with its chain.
  SELECT c.* INTO previous FROM unnest(auth) AS a (nid) JOIN auth_chains c ON c.event_nid = a.nid JOIN events e ON e.nid = a.nid
    WHERE e.state_key_nid = key_nid
    AND NOT EXISTS (SELECT FROM auth_chains next WHERE next.chain = c.chain AND next.sequence = c.sequence + 1)
    ORDER BY a.nid LIMIT 1;
  INSERT INTO auth_chains (event_nid, chain, sequence, links)
    VALUES (placed_nid, coalesce(previous.chain, placed_nid), coalesce(previous.sequence, 0) + 1, ARRAY(
      SELECT DISTINCT a.nid FROM unnest(auth) AS a (nid) WHERE a.nid IS DISTINCT FROM previous.event_nid
      AND NOT EXISTS (SELECT FROM unnest(auth) AS b (nid) JOIN events other ON other.nid = b.nid
        WHERE a.nid = ANY (other.auth_events))));
  RETURN true;
END $$;
DO $$
DECLARE
  event record;
  has_placed boolean := true;
BEGIN
  FOR event IN SELECT nid, state_key_nid, auth_events FROM events
    WHERE state_key_nid IS NOT NULL AND admission <> 'outlier' ORDER BY nid
  LOOP
    IF NOT pg_temp.place(event.nid, event.state_key_nid, event.auth_events) THEN
      INSERT INTO waiting VALUES (event.nid);
    END IF;
  END LOOP;
  WHILE has_placed LOOP
    has_placed := false;
    FOR event IN SELECT e.nid, e.state_key_nid, e.auth_events FROM waiting JOIN events e USING (nid) ORDER BY nid LOOP
      IF pg_temp.place(event.nid, event.state_key_nid, event.auth_events) THEN
        DELETE FROM waiting WHERE nid = event.nid;
        has_placed := true;
      END IF;
    END LOOP;
  END LOOP;
END $$;
DROP FUNCTION pg_temp.place;
