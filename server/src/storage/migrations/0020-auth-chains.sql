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

-- The events that there are: in each round those whose auth events all have their places.
SET LOCAL statement_timeout = 0;
CREATE TEMPORARY TABLE unplaced (nid bigint PRIMARY KEY, lacks integer NOT NULL) ON COMMIT DROP;
CREATE TEMPORARY TABLE auth_edges (auth_nid bigint, nid bigint) ON COMMIT DROP;
CREATE TEMPORARY TABLE ready (nid bigint PRIMARY KEY) ON COMMIT DROP;
INSERT INTO auth_edges SELECT DISTINCT auth.nid, e.nid FROM events e, unnest(e.auth_events) AS auth (nid)
  WHERE e.state_key_nid IS NOT NULL AND e.admission <> 'outlier';
CREATE INDEX ON auth_edges (auth_nid);
INSERT INTO unplaced SELECT e.nid, (SELECT count(DISTINCT auth.nid) FROM unnest(e.auth_events) AS auth (nid))
  FROM events e WHERE e.state_key_nid IS NOT NULL AND e.admission <> 'outlier';
ANALYZE auth_edges;
ANALYZE unplaced;
INSERT INTO ready SELECT nid FROM unplaced WHERE lacks = 0;
DO $$
BEGIN
  LOOP
    EXIT WHEN NOT EXISTS (SELECT FROM ready);
    INSERT INTO auth_chains (event_nid, chain, sequence, links)
      SELECT p.nid, coalesce(p.chain, p.nid), coalesce(p.sequence, 0) + 1,
        coalesce((SELECT array_agg(auth.nid) FROM unnest(p.auth_events) AS auth (nid)
          WHERE auth.nid IS DISTINCT FROM p.previous AND NOT EXISTS (SELECT FROM events other
            WHERE other.nid = ANY (p.auth_events) AND auth.nid = ANY (other.auth_events))), '{}')
      FROM (
        -- Of several that could follow the same one, the first does.
        SELECT e.nid, e.auth_events, CASE WHEN follows.place = 1 THEN follows.event_nid END AS previous,
          CASE WHEN follows.place = 1 THEN follows.chain END AS chain,
          CASE WHEN follows.place = 1 THEN follows.sequence END AS sequence
        FROM ready JOIN events e ON e.nid = ready.nid
        LEFT JOIN (SELECT r.nid, c.event_nid, c.chain, c.sequence, row_number() OVER (PARTITION BY c.event_nid ORDER BY r.nid) AS place
          FROM ready r JOIN events own ON own.nid = r.nid
          CROSS JOIN LATERAL (SELECT c.* FROM auth_chains c JOIN events auth ON auth.nid = c.event_nid
            WHERE c.event_nid = ANY (own.auth_events) AND auth.state_key_nid = own.state_key_nid
            AND NOT EXISTS (SELECT FROM auth_chains next WHERE next.chain = c.chain AND next.sequence = c.sequence + 1)
            ORDER BY c.event_nid LIMIT 1) c
        ) follows ON follows.nid = ready.nid
      ) p;
    WITH placed AS (DELETE FROM ready RETURNING nid),
      less AS (UPDATE unplaced u SET lacks = u.lacks - n.count
        FROM (SELECT x.nid, count(*)::integer AS count FROM placed JOIN auth_edges x ON x.auth_nid = placed.nid GROUP BY x.nid) n
        WHERE u.nid = n.nid RETURNING u.nid, u.lacks)
      INSERT INTO ready SELECT nid FROM less WHERE lacks = 0;
  END LOOP;
END $$;
