import { stateKey } from '../protocol/event.ts';
import { eventIdOf, verifyContentHash } from '../protocol/event-hashes.ts';
import { nearestSafeInteger } from '../protocol/json.ts';
import { roomVersion } from '../protocol/room-versions.ts';
import type { Queryable } from '../storage/database.ts';
import { eventsByNid, type StoredEvent } from '../storage/events.ts';
import type { Rooms } from '../storage/rooms.ts';
import type { StateKeys } from '../storage/state-keys.ts';
import { type StateSnapshots, snapshotDifference, snapshotEntries, snapshotGet } from '../storage/state-snapshots.ts';
import {
  checkInvariant,
  currentStatePairs,
  eventNidsAfter,
  INVARIANTS,
  roomsWithState,
} from '../storage/verification.ts';

export interface VerificationParts {
  readonly db: Queryable;
  readonly rooms: Rooms;
  readonly stateKeys: StateKeys;
  readonly snapshots: StateSnapshots;
}

/** What was checked, how often it did not hold, and where, for a few. */
export interface Finding {
  readonly name: string;
  readonly violations: number;
  readonly examples: readonly string[];
}

const PAGE = 500;
const EXAMPLES = 10;

/** Counts violations of several rules at once while rows go by. */
class Findings {
  readonly #found = new Map<string, string[]>();
  readonly #counts = new Map<string, number>();

  constructor(names: readonly string[]) {
    for (const name of names) this.#counts.set(name, 0);
  }

  violated(name: string, example: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    const examples = this.#found.get(name) ?? [];
    if (examples.length < EXAMPLES) this.#found.set(name, [...examples, example]);
  }

  all(): Finding[] {
    return [...this.#counts].map(([name, violations]) => ({ name, violations, examples: this.#found.get(name) ?? [] }));
  }
}

const ID = 'the id of an event is its hash';
const CONTENT = 'the content of an event fits its hash, unless it was redacted on arrival';
const COLUMNS = 'the columns of an event say what the event says';
const REPLAY = 'the state after an event is the state before it and the event';
const FORK = 'the state before an event with one previous event is the state after that';
const CURRENT = 'the current state is the state of the room’s snapshot';

/**
 * Checks a whole database against itself: hashes and ids, columns, state by replaying every event, current state, extremities,
 * memberships, the log. Reads page by page; nothing is changed. To be run in one transaction, or while nobody writes.
 *
 * @param report told now and then how many events have been looked at
 */
export async function verifyDatabase(
  parts: VerificationParts,
  report: (events: number) => void,
): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  for (const { name, query } of INVARIANTS) {
    const { examples, count } = await checkInvariant(parts.db, query);
    found.push({ name, violations: count, examples });
  }
  const findings = new Findings([ID, CONTENT, COLUMNS, REPLAY, FORK, CURRENT]);
  let after = 0;
  let seen = 0;
  for (;;) {
    const nids = await eventNidsAfter(parts.db, after, PAGE);
    if (nids.length === 0) break;
    after = nids.at(-1) ?? after;
    await verifyPage(parts, await eventsByNid(parts.db, nids), findings);
    seen += nids.length;
    report(seen);
  }
  for (const room of await roomsWithState(parts.db)) {
    const snapshot = snapshotEntries(await parts.snapshots.load(room.state));
    const current = await currentStatePairs(parts.db, room.nid);
    const same = snapshot.size === current.size && [...snapshot].every(([key, nid]) => current.get(key) === nid);
    if (!same) findings.violated(CURRENT, room.roomId);
  }
  return [...found, ...findings.all()];
}

async function verifyPage(parts: VerificationParts, events: readonly StoredEvent[], findings: Findings): Promise<void> {
  const rooms = await parts.rooms.byNid([...new Set(events.map((event) => event.roomNid))]);
  const keys = await parts.stateKeys.resolve(events.flatMap((event) => event.stateKeyNid ?? []));
  const prevs = await previousStates(parts, events);
  for (const event of events) {
    const version = roomVersion(rooms.get(event.roomNid)?.version ?? '');
    if (version === undefined) continue;
    if (eventIdOf(event.pdu, version) !== event.eventId) findings.violated(ID, event.eventId);
    if (event.admission !== 'outlier' && !verifyContentHash(event.pdu) && !isRedacted(event))
      findings.violated(CONTENT, event.eventId);
    const key = event.pdu.state_key === undefined ? undefined : stateKey(event.pdu.type, event.pdu.state_key);
    const column = event.stateKeyNid === null ? undefined : keys.get(event.stateKeyNid);
    if (event.pdu.sender !== event.sender || nearestSafeInteger(event.pdu.depth) !== event.depth || key !== column)
      findings.violated(COLUMNS, event.eventId);
    await verifyState(parts, event, prevs, findings);
  }
}

/** Redacted before it reached us, so that what we hold is what the signatures cover. */
function isRedacted(event: StoredEvent): boolean {
  return Object.keys(event.pdu.content).length === 0 || event.pdu.state_key !== undefined;
}

async function previousStates(
  parts: VerificationParts,
  events: readonly StoredEvent[],
): Promise<Map<number, number | null>> {
  const wanted = [...new Set(events.flatMap((event) => (event.prevEvents.length === 1 ? event.prevEvents : [])))];
  return new Map((await eventsByNid(parts.db, wanted)).map((event) => [event.nid, event.stateAfter]));
}

async function verifyState(
  parts: VerificationParts,
  event: StoredEvent,
  prevs: ReadonlyMap<number, number | null>,
  findings: Findings,
): Promise<void> {
  if (event.stateAfter === null) return;
  const changes = event.stateKeyNid !== null && event.admission !== 'rejected';
  const after = await parts.snapshots.load(event.stateAfter);
  const holds = changes
    ? snapshotGet(after, event.stateKeyNid ?? 0) === event.nid
    : event.stateAfter === event.stateBefore;
  if (!holds) findings.violated(REPLAY, event.eventId);
  const [prev] = event.prevEvents;
  const named = event.pdu.prev_events.length;
  if (named !== 1 || prev === undefined) return;
  const from = prevs.get(prev);
  if (from == null || event.stateBefore === null || from === event.stateBefore) return;
  // Told by another server once and worked out later: two snapshots, but the same state.
  const difference = snapshotDifference(
    await parts.snapshots.load(from),
    await parts.snapshots.load(event.stateBefore),
  );
  if (difference.size > 0) findings.violated(FORK, event.eventId);
}
