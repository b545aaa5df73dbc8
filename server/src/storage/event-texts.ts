import type { ChainSpan } from './auth-chains.ts';
import type { Queryable } from './database.ts';

/** Whether events are read whole or only their ids. */
export type EventForm = 'pdus' | 'ids';

/** An event to be passed on as it is. */
export interface EventText {
  readonly nid: number;
  readonly redacted_by: number | null;
  /** Its canonical JSON, or its id as it is stored: see `fromStoredText`. */
  readonly text: string;
}

const COLUMNS = {
  pdus: 'e.nid, e.redacted_by, e.pdu AS text',
  ids: 'e.nid, e.redacted_by, e.event_id AS text',
} as const;

const byNid = (form: EventForm) => `SELECT ${COLUMNS[form]} FROM events e WHERE e.nid = ANY ($1::bigint[])`;

const inSpans = (form: EventForm) => `SELECT ${COLUMNS[form]}
  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS span (chain, after, up_to)
  JOIN auth_chains c ON c.chain = span.chain AND c.sequence > span.after AND c.sequence <= span.up_to
  JOIN events e ON e.nid = c.event_nid`;

export async function eventTexts(db: Queryable, nids: readonly number[], form: EventForm): Promise<EventText[]> {
  return await db.query<EventText>(byNid(form), [nids]);
}

/** The events of parts of auth chains. */
export async function eventTextsInSpans(
  db: Queryable,
  spans: readonly ChainSpan[],
  form: EventForm,
): Promise<EventText[]> {
  const values = [spans.map((span) => span.chain), spans.map((span) => span.after), spans.map((span) => span.upTo)];
  return await db.query<EventText>(inSpans(form), values);
}
