import { int8Array, textArray } from './binary-arrays.ts';
import type { Queryable, Transaction } from './database.ts';

/**
 * The index of auth chains. The state events of a room are divided into chains: each event of a chain names the one before it
 * as an auth event, and for most kinds that is the event with the same state key before it. So whatever reaches an event of a
 * chain reaches all before it, and what an event reaches is one sequence number for each chain, however long the chains are.
 * What an event names in other chains are its links; those that another of its auth events names too go without saying.
 * An event adds one row, and its links are at most its auth events.
 */
export interface ChainPlace {
  /** Nid of the first event of the chain. */
  readonly chain: number;
  /** From 1. */
  readonly sequence: number;
}

/** An event with its place. */
export interface AuthChainRow extends ChainPlace {
  readonly nid: number;
  /** Nids of auth events. */
  readonly links: readonly number[];
}

/** An event that is to get its place. */
export interface Unplaced {
  readonly nid: number;
  readonly stateKeyNid: number | null;
  readonly authEvents: readonly number[];
}

interface Placed extends ChainPlace {
  readonly authEvents: readonly number[];
  readonly stateKeyNid: number | null;
  /** Whether it is not the last of its chain. */
  isFollowed: boolean;
}

interface PlacedRow extends ChainPlace {
  nid: number;
  auth_events: number[];
  state_key_nid: number | null;
  is_followed: boolean;
}

const PLACES = `SELECT c.event_nid AS nid, c.chain, c.sequence, e.auth_events, e.state_key_nid, EXISTS (SELECT FROM auth_chains next
    WHERE next.chain = c.chain AND next.sequence = c.sequence + 1) AS is_followed
  FROM auth_chains c JOIN events e ON e.nid = c.event_nid WHERE c.event_nid = ANY ($1::bigint[])`;

/**
 * Gives state events their places; those that have one keep it. The room has to be locked.
 *
 * @param events each after its auth events, as far as these are among them; the others have their places already
 */
export async function placeInAuthChains(tx: Queryable, events: readonly Unplaced[]): Promise<AuthChainRow[]> {
  if (events.length === 0) return [];
  const wanted = new Set(events.flatMap(({ nid, authEvents }) => [nid, ...authEvents]));
  const placed = new Map<number, Placed>();
  for (const row of await tx.query<PlacedRow>(PLACES, [[...wanted]]))
    placed.set(row.nid, {
      chain: row.chain,
      sequence: row.sequence,
      authEvents: row.auth_events,
      stateKeyNid: row.state_key_nid,
      isFollowed: row.is_followed,
    });
  const rows: AuthChainRow[] = [];
  for (const event of events) if (!placed.has(event.nid)) rows.push(place(event, placed));
  return rows;
}

function place({ nid, stateKeyNid, authEvents }: Unplaced, placed: Map<number, Placed>): AuthChainRow {
  const auth = new Map<number, Placed>();
  for (const authNid of authEvents) {
    const found = placed.get(authNid);
    if (found === undefined) throw new Error(`auth event ${authNid} of ${nid} has no place in the auth chains`);
    auth.set(authNid, found);
  }
  const [previous] = [...auth].filter(([, other]) => other.stateKeyNid === stateKeyNid && !other.isFollowed);
  if (previous !== undefined) previous[1].isFollowed = true;
  const links = [...auth.keys()].filter(
    (link) => link !== previous?.[0] && ![...auth.values()].some((other) => other.authEvents.includes(link)),
  );
  const chain = previous?.[1].chain ?? nid;
  const sequence = (previous?.[1].sequence ?? 0) + 1;
  placed.set(nid, { chain, sequence, authEvents, stateKeyNid, isFollowed: false });
  return { nid, chain, sequence, links };
}

/** Those of the events that have their places. */
export async function havePlaces(db: Queryable, nids: readonly number[]): Promise<number[]> {
  if (nids.length === 0) return [];
  const sql = 'SELECT event_nid AS nid FROM auth_chains WHERE event_nid = ANY ($1::bigint[])';
  return (await db.query<{ nid: number }>(sql, [nids])).map(({ nid }) => nid);
}

const INSERT = `INSERT INTO auth_chains (event_nid, chain, sequence, links)
  SELECT nid, chain, sequence, links::bigint[]
  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[]) AS c (nid, chain, sequence, links)`;

export function insertAuthChains(tx: Transaction, rows: readonly AuthChainRow[]): void {
  if (rows.length === 0) return;
  tx.enqueue(INSERT, [
    int8Array(rows.map((row) => row.nid)),
    int8Array(rows.map((row) => row.chain)),
    int8Array(rows.map((row) => row.sequence)),
    textArray(rows.map((row) => `{${row.links.join(',')}}`)),
  ]);
}

/** What events reach: of each chain all events up to a sequence number. */
export type AuthReach = ReadonlyMap<number, number>;

/** Links are followed from chain to chain so often at most; what is more tangled than any honest room is walked. */
const MOST_ROUNDS = 32;

const STARTS = `SELECT chain, max(sequence) AS sequence, count(*) AS events FROM auth_chains
  WHERE event_nid = ANY ($1::bigint[]) GROUP BY chain`;

const FOLLOW = `SELECT target.chain, max(target.sequence) AS sequence
  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS reached (chain, after, up_to)
  JOIN auth_chains c ON c.chain = reached.chain AND c.sequence > reached.after AND c.sequence <= reached.up_to AND c.links <> '{}'
  CROSS JOIN LATERAL unnest(c.links) AS link (nid) JOIN auth_chains target ON target.event_nid = link.nid
  GROUP BY target.chain`;

const WALK = `WITH RECURSIVE walked (nid) AS (
    SELECT unnest($1::bigint[])
    UNION SELECT unnest(e.auth_events) FROM walked JOIN events e ON e.nid = walked.nid)
  SELECT c.chain, max(c.sequence) AS sequence FROM walked JOIN auth_chains c ON c.event_nid = walked.nid GROUP BY c.chain`;

/**
 * What the given state events reach, themselves included, in as many statements as there are links from chain to chain one after
 * the other: about four in a room that people use.
 */
export async function authReach(db: Queryable, nids: readonly number[]): Promise<AuthReach> {
  const starts = [...new Set(nids)];
  const reached = new Map<number, number>();
  if (starts.length === 0) return reached;
  const placed = await db.query<ChainPlace & { events: number }>(STARTS, [starts]);
  if (placed.reduce((sum, { events }) => sum + events, 0) !== starts.length)
    throw new Error('a state event has no place in the auth chains');
  let found: readonly ChainPlace[] = placed;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const further = found.filter(({ chain, sequence }) => sequence > (reached.get(chain) ?? 0));
    if (further.length === 0) return reached;
    const after = further.map(({ chain }) => reached.get(chain) ?? 0);
    for (const { chain, sequence } of further) reached.set(chain, sequence);
    const values = [further.map(({ chain }) => chain), after, further.map(({ sequence }) => sequence)];
    found = await db.query<ChainPlace>(FOLLOW, values);
  }
  return new Map((await db.query<ChainPlace>(WALK, [starts])).map(({ chain, sequence }) => [chain, sequence]));
}

const AUTH_EVENTS = `SELECT DISTINCT unnest(auth_events) AS nid FROM events WHERE nid = ANY ($1::bigint[])`;

/** What the auth events of the given events, of whatever kind, reach. */
export async function authReachBelow(db: Queryable, nids: readonly number[]): Promise<AuthReach> {
  if (nids.length === 0) return new Map();
  const rows = await db.query<{ nid: number }>(AUTH_EVENTS, [nids]);
  return await authReach(
    db,
    rows.map(({ nid }) => nid),
  );
}

/** Part of a chain. */
export interface ChainSpan {
  readonly chain: number;
  /** Exclusive lower bound. */
  readonly after: number;
  /** Inclusive upper bound. */
  readonly upTo: number;
}

const IN_SPANS = `SELECT c.event_nid AS nid, c.chain, c.sequence
  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS span (chain, after, up_to)
  JOIN auth_chains c ON c.chain = span.chain AND c.sequence > span.after AND c.sequence <= span.up_to`;

/** The events of parts of chains. */
export async function eventsInSpans(
  db: Queryable,
  spans: readonly ChainSpan[],
): Promise<(ChainPlace & { readonly nid: number })[]> {
  if (spans.length === 0) return [];
  const values = [spans.map((span) => span.chain), spans.map((span) => span.after), spans.map((span) => span.upTo)];
  return await db.query(IN_SPANS, values);
}
