import type { Pdu } from '../protocol/event.ts';
import { parseStoredJson } from '../protocol/json-parser.ts';
import { redactEvent } from '../protocol/redaction.ts';
import type { AuthReach, ChainSpan } from '../storage/auth-chains.ts';
import type { Queryable } from '../storage/database.ts';
import { type EventForm, type EventText, eventTexts, eventTextsInSpans } from '../storage/event-texts.ts';
import type { RoomRow } from '../storage/rooms.ts';
import { fromStoredText } from '../storage/text.ts';
import { versionOf } from './fetch-events.ts';

/**
 * Events in the form for servers, or their ids, as JSON texts. A batch is read when it is asked for: whoever asks no more ends the
 * reading, and no more than one batch is in memory.
 */
export type EventBatches = AsyncIterable<readonly string[]>;

/** Events of a batch: 6.5 MB if all are as large as an event can be, mostly a hundredth of that. */
const BATCH = 100;

/** What is read of a room. */
export interface BatchReading {
  readonly db: Queryable;
  readonly room: RoomRow;
  readonly form: EventForm;
}

/** The events with these nids. */
export async function* eventBatches(reading: BatchReading, nids: readonly number[]): EventBatches {
  for (let start = 0; start < nids.length; start += BATCH) {
    const events = await eventTexts(reading.db, nids.slice(start, start + BATCH), reading.form);
    yield events.map((event) => jsonOf(reading, event));
  }
}

/** The events that a reach covers. @param except nids of events that are left out */
export async function* authChainBatches(
  reading: BatchReading,
  reach: AuthReach,
  except: ReadonlySet<number> = new Set(),
): EventBatches {
  for (const spans of inBatches(reach)) {
    const events = await eventTextsInSpans(reading.db, spans, reading.form);
    yield events.filter((event) => !except.has(event.nid)).map((event) => jsonOf(reading, event));
  }
}

function* inBatches(reach: AuthReach): Iterable<readonly ChainSpan[]> {
  let batch: ChainSpan[] = [];
  let left = BATCH;
  for (const [chain, end] of reach) {
    for (let after = 0; after < end; ) {
      const upTo = Math.min(end, after + left);
      batch.push({ chain, after, upTo });
      left -= upTo - after;
      after = upTo;
      if (left > 0) continue;
      yield batch;
      [batch, left] = [[], BATCH];
    }
  }
  if (batch.length > 0) yield batch;
}

/** Without what has been redacted. What has not is passed on as it is stored, without being parsed. */
function jsonOf({ room, form }: BatchReading, { redacted_by: redactedBy, text }: EventText): string {
  if (form === 'ids') return JSON.stringify(fromStoredText(text));
  if (redactedBy === null) return text;
  return JSON.stringify(redactEvent(parseStoredJson(text) as Pdu, versionOf(room)));
}
