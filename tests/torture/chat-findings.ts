import { checkSetFull } from './checkers/set-full.ts';
import { checkSyncChain } from './checkers/sync-chain.ts';
import { checkTotalQueue } from './checkers/total-queue.ts';
import { checkUniqueIds } from './checkers/unique-ids.ts';
import type { RoomEvent } from './matrix-client.ts';
import type { Operation } from './operation-log.ts';
import type { Figure } from './scenario.ts';

/** One attempt at sending a message, as it stands on the log. */
interface Sending {
  readonly room: string;
  readonly text: string;
  readonly eventId: string | undefined;
  readonly operation: Operation;
}

function sendings(operations: readonly Operation[]): Sending[] {
  return operations
    .filter((operation) => operation.op === 'send')
    .map((operation) => {
      const { text, eventId } = operation.value as { text: string; eventId?: string };
      return { room: operation.key, text, eventId, operation };
    });
}

function texts(events: readonly RoomEvent[]): string[] {
  return events.filter((event) => event.type === 'm.room.message').map((event) => String(event.content.body));
}

/** Texts of the events that a client was shown; an id that the room does not hold stands for itself. */
function shownTexts(room: readonly RoomEvent[], chain: readonly string[]): string[] {
  const byId = new Map(room.map((event) => [event.event_id, event]));
  return chain.flatMap((eventId) => {
    const event = byId.get(eventId);
    return event === undefined ? [eventId] : texts([event]);
  });
}

export interface ChatRecord {
  readonly operations: readonly Operation[];
  /** Each room, read whole when nothing was added any more. */
  readonly rooms: ReadonlyMap<string, readonly RoomEvent[]>;
  /** When that reading began and ended, by the clock of the operations. */
  readonly readStart: number;
  readonly readEnd: number;
  /** What each syncing client was shown of each room. */
  readonly chains: readonly ReadonlyMap<string, readonly string[]>[];
  /** What was sent after this moment must be in every chain. */
  readonly chainsFrom: number;
}

/**
 * Judges a record of people chatting while things break: nothing acknowledged may be lost, nothing doubled, and nobody's
 * sync may skip or repeat an event. All figures are counts that must be zero.
 */
export function judgeChat(record: ChatRecord): { figures: Figure[]; examples: string[] } {
  const all = sendings(record.operations);
  const found = new Map<string, string[]>();
  const note = (what: string, items: readonly string[]) => found.set(what, [...(found.get(what) ?? []), ...items]);

  for (const [room, events] of record.rooms) {
    const here = all.filter((sending) => sending.room === room);
    const additions = here.map(({ text, operation: { outcome, end } }) => ({ element: text, outcome, end }));
    const read = { elements: texts(events), start: record.readStart, end: record.readEnd };
    const set = checkSetFull(additions, [read]);
    note('acknowledged events lost', set.lost);
    note('acknowledged events never read', set.neverRead);
    note('events per transaction id beyond the first', set.duplicated);
    note('events that nobody sent', set.unexpected);

    const eventIds = events.map((event) => event.event_id);
    const chains = record.chains.map((chain) => chain.get(room) ?? []);
    for (const chain of chains) {
      const result = checkSyncChain(eventIds, chain);
      note('gaps in sync chains', result.gaps);
      note('repeats in sync chains', result.repeats);
      note('events in sync chains that the room does not hold', result.unknown);
      note('events in sync chains out of order', result.outOfOrder);
    }
    const before = here.filter(({ operation }) => operation.start < record.chainsFrom);
    const early = new Set(before.map(({ text }) => text));
    const queue = checkTotalQueue(
      additions.filter(({ element }) => !early.has(element)),
      chains.map((chain) => shownTexts(events, chain)),
    );
    note('acknowledged events that a syncing client never got', queue.lost);
  }

  const assignments = all.flatMap(({ room, text, eventId }) =>
    eventId === undefined ? [] : [{ id: eventId, of: `${room} ${text}` }],
  );
  const ids = checkUniqueIds(assignments);
  note('event ids handed out twice', ids.reused);
  note('transaction ids answered with two event ids', ids.conflicting);

  return {
    figures: [...found].map(([name, items]) => ({ name, value: items.length, unit: 'events', max: 0 })),
    examples: [...found].flatMap(([name, items]) => items.slice(0, 3).map((item) => `${name}: ${item}`)),
  };
}
