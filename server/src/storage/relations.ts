import type { Queryable } from './database.ts';
import { eventsByNid, type StoredEvent } from './events.ts';
import { fromStoredText, toStoredText } from './text.ts';

/** An event, and the position up to which what relates to it counts; null for no end. */
export interface RelationTarget {
  readonly eventId: string;
  readonly upTo: number | null;
}

function columnsOf(targets: readonly RelationTarget[]) {
  return [targets.map((target) => toStoredText(target.eventId)), targets.map((target) => target.upTo)] as const;
}

const TARGETS = `unnest($1::text[], $2::bigint[]) AS target (event_id, up_to)
  JOIN events r ON r.relates_to = target.event_id AND r.position <= coalesce(target.up_to, 9223372036854775807)`;

const NEWEST_EDITS = `SELECT DISTINCT ON (r.relates_to) r.nid FROM ${TARGETS} JOIN events o ON o.event_id = r.relates_to
  WHERE r.relation_type = 'm.replace' AND r.admission = 'accepted'
    AND r.redacted_by IS NULL AND r.room_nid = o.room_nid AND r.sender = o.sender
    AND r.type = o.type AND r.state_key_nid IS NULL AND o.state_key_nid IS NULL
  ORDER BY r.relates_to, r.origin_server_ts DESC, r.event_id DESC`;

/** For each of the events the edit that stands: the newest by the same sender and of the same type. */
export async function newestEdits(db: Queryable, targets: readonly RelationTarget[]): Promise<StoredEvent[]> {
  const rows = await db.query<{ nid: number }>(NEWEST_EDITS, [...columnsOf(targets)]);
  return await eventsByNid(
    db,
    rows.map((row) => row.nid),
  );
}

export interface ThreadSummary {
  readonly rootId: string;
  readonly count: number;
  readonly latestNid: number;
  /** Whether the viewer has sent the root or a message of the thread. */
  readonly participated: boolean;
}

const THREADS = `SELECT r.relates_to, count(*)::int AS count, (array_agg(r.nid ORDER BY r.position DESC))[1] AS latest,
    bool_or(r.sender = $3 OR o.sender = $3) AS participated
  FROM ${TARGETS} JOIN events o ON o.event_id = r.relates_to AND o.room_nid = r.room_nid
  WHERE r.relation_type = 'm.thread' AND r.admission = 'accepted' AND r.redacted_by IS NULL
  GROUP BY r.relates_to`;

/** The threads that the given events are roots of. */
export async function threadSummaries(
  db: Queryable,
  targets: readonly RelationTarget[],
  userId: string,
): Promise<ThreadSummary[]> {
  const rows = await db.query<{ relates_to: string; count: number; latest: number; participated: boolean }>(THREADS, [
    ...columnsOf(targets),
    toStoredText(userId),
  ]);
  return rows.map((row) => ({
    rootId: fromStoredText(row.relates_to),
    count: row.count,
    latestNid: row.latest,
    participated: row.participated,
  }));
}

/** Of the given events, those that some accepted event relates to by an edit or a thread: what is worth a closer look. */
export async function eventsWithRelations(db: Queryable, eventIds: readonly string[]): Promise<string[]> {
  if (eventIds.length === 0) return [];
  const rows = await db.query<{ relates_to: string }>(
    `SELECT DISTINCT relates_to FROM events WHERE relates_to = ANY ($1::text[]) AND relation_type IN ('m.replace', 'm.thread')`,
    [eventIds.map(toStoredText)],
  );
  return rows.map((row) => fromStoredText(row.relates_to));
}

const WITNESSES = `SELECT DISTINCT ON (relates_to) relates_to, relation_type, sender FROM events
  WHERE relates_to = ANY ($1::text[]) AND room_nid = $2 AND admission = 'accepted' AND position IS NOT NULL
    AND redacted_by IS NULL AND relation_type IS NOT NULL AND ($3::text[] IS NULL OR relation_type = ANY ($3))
    AND ($4::text[] IS NULL OR sender = ANY ($4))
  ORDER BY relates_to`;

/** One event for each of the given ones that relates to it, by one of the relation types and by one of the senders. */
export async function relationWitnesses(
  db: Queryable,
  roomNid: number,
  wanted: {
    readonly eventIds: readonly string[];
    readonly relTypes?: ReadonlySet<string>;
    readonly senders?: ReadonlySet<string>;
  },
): Promise<Map<string, { relType: string; sender: string }>> {
  if (wanted.eventIds.length === 0) return new Map();
  const listOf = (texts: Iterable<string> | undefined) => (texts === undefined ? null : [...texts].map(toStoredText));
  const rows = await db.query<{ relates_to: string; relation_type: string; sender: string }>(WITNESSES, [
    listOf(wanted.eventIds),
    roomNid,
    listOf(wanted.relTypes),
    listOf(wanted.senders),
  ]);
  return new Map(
    rows.map((row) => [
      fromStoredText(row.relates_to),
      { relType: fromStoredText(row.relation_type), sender: fromStoredText(row.sender) },
    ]),
  );
}

export interface RelationPage {
  readonly roomNid: number;
  readonly eventId: string;
  readonly relationType: string | null;
  readonly eventType: string | null;
  /** Exclusive bound to go on from; null to start at the end. */
  readonly from: number | null;
  readonly direction: 'b' | 'f';
  readonly limit: number;
}

const RELATING = `SELECT r.nid, r.position FROM events r WHERE r.relates_to = $1 AND r.room_nid = $2 AND r.admission = 'accepted'
  AND r.position IS NOT NULL AND ($3::text IS NULL OR r.relation_type = $3) AND ($4::text IS NULL OR r.type = $4)`;
const RELATING_BACKWARDS = `${RELATING} AND r.position < coalesce($5::bigint, 9223372036854775807) ORDER BY r.position DESC LIMIT $6`;
const RELATING_FORWARDS = `${RELATING} AND r.position > coalesce($5::bigint, -9223372036854775808) ORDER BY r.position ASC LIMIT $6`;

/** Events that relate to an event, in the order of the page's direction. */
export async function relatingEvents(db: Queryable, page: RelationPage): Promise<StoredEvent[]> {
  const rows = await db.query<{ nid: number }>(page.direction === 'b' ? RELATING_BACKWARDS : RELATING_FORWARDS, [
    toStoredText(page.eventId),
    page.roomNid,
    page.relationType,
    page.eventType,
    page.from,
    page.limit,
  ]);
  const events = await eventsByNid(
    db,
    rows.map((row) => row.nid),
  );
  const byNid = new Map(events.map((event) => [event.nid, event]));
  return rows.flatMap((row) => byNid.get(row.nid) ?? []);
}
