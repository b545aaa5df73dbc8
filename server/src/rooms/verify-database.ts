import { authEventIds, prevEventIds, stateKey } from '../protocol/event.ts';
import { checkEventFormat } from '../protocol/event-format.ts';
import { eventIdOf, verifyContentHash } from '../protocol/event-hashes.ts';
import { nearestSafeInteger } from '../protocol/json.ts';
import { JsonRefusal } from '../protocol/json-parser.ts';
import { roomVersion } from '../protocol/room-versions.ts';
import type { Database, Transaction } from '../storage/database.ts';
import { eventIdsOf, eventsByNid, type StoredEvent } from '../storage/events.ts';
import { openIdBlocks } from '../storage/id-blocks.ts';
import { openRooms, type Rooms } from '../storage/rooms.ts';
import { openStateKeys, type StateKeys } from '../storage/state-keys.ts';
import {
  openStateSnapshots,
  type Snapshot,
  type StateSnapshots,
  snapshotDifference,
  snapshotEntries,
  snapshotGet,
} from '../storage/state-snapshots.ts';
import { withToldState } from '../storage/told-states.ts';
import {
  checkInvariant,
  currentStatePairs,
  eventNidsAfter,
  INVARIANTS,
  type NamedEvent,
  namedEvents,
  type RoomWithState,
  readWithoutHaste,
  roomsWithStateAfter,
  STATES_ARE_THERE,
} from '../storage/verification.ts';

interface Parts {
  readonly tx: Transaction;
  readonly rooms: Rooms;
  readonly stateKeys: StateKeys;
  /** Undefined where some are lost: then no state is replayed. */
  readonly snapshots: StateSnapshots | undefined;
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

const FORM = 'what is stored as an event is JSON, and an event of its room version';
const ID = 'the id of an event is its hash';
const CONTENT = 'the content of an event fits its hash, unless it was redacted on arrival';
const COLUMNS = 'the columns of an event say what the event says';
const EDGES = 'the edges of an event lead to the events that it names';
const REPLAY = 'the state after an event is the state before it and the event';
const FORK = 'the state before an event is what the states after its previous events agree upon';
const HEAD = 'the current state is what the states after the forward extremities agree upon';
const CURRENT = 'the current state is the state of the room’s snapshot';

/**
 * Checks a whole database against itself: hashes and ids, columns, state by replaying every event, current state, extremities,
 * memberships, auth chains, the log. All of it is read as it was at one moment, page by page; nothing is changed.
 *
 * @param report told now and then how many events have been looked at
 */
export async function verifyDatabase(db: Database, report: (events: number) => void): Promise<readonly Finding[]> {
  return await db.transaction(async (tx) => {
    await readWithoutHaste(tx);
    return await verifyWithin(tx, report);
  });
}

/** The same for what a transaction sees, including what it has changed itself. */
export async function verifyWithin(tx: Transaction, report: (events: number) => void): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  for (const { name, query } of INVARIANTS) {
    const { examples, count } = await checkInvariant(tx, query);
    found.push({ name, violations: count, examples });
  }
  const areLost = found.some(({ name, violations }) => name === STATES_ARE_THERE && violations > 0);
  const snapshots = areLost ? undefined : openStateSnapshots(tx, openIdBlocks(tx, 'state_snapshot_ids', 64));
  const parts: Parts = { tx, rooms: openRooms(tx), stateKeys: openStateKeys(tx), snapshots };
  const findings = new Findings([FORM, ID, CONTENT, COLUMNS, EDGES, REPLAY, FORK, HEAD, CURRENT]);
  let seen = 0;
  for await (const nids of pages(
    (after) => eventNidsAfter(tx, after, PAGE),
    (nid) => nid,
  )) {
    await verifyPage(parts, await readableEvents(tx, nids, findings), findings);
    seen += nids.length;
    report(seen);
  }
  for await (const rooms of pages(
    (after) => roomsWithStateAfter(tx, after, PAGE),
    (room) => room.nid,
  ))
    if (snapshots !== undefined) for (const room of rooms) await verifyCurrentState(tx, snapshots, room, findings);
  return [...found, ...findings.all()];
}

/** Reads pages until one is empty; each is asked for by the nid of the last row before it. */
async function* pages<Row>(
  read: (after: number) => Promise<Row[]>,
  nidOf: (row: Row) => number,
): AsyncGenerator<Row[]> {
  let page = await read(0);
  for (let last = page.at(-1); last !== undefined; last = page.at(-1)) {
    yield page;
    page = await read(nidOf(last));
  }
}

/** The events that can be parsed. Where one cannot, it is found by halves. */
async function readableEvents(tx: Transaction, nids: readonly number[], findings: Findings): Promise<StoredEvent[]> {
  try {
    return await eventsByNid(tx, nids);
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof JsonRefusal)) throw error;
    if (nids.length === 1) {
      for (const eventId of (await eventIdsOf(tx, nids)).values()) findings.violated(FORM, eventId);
      return [];
    }
  }
  const middle = Math.ceil(nids.length / 2);
  const first = await readableEvents(tx, nids.slice(0, middle), findings);
  return [...first, ...(await readableEvents(tx, nids.slice(middle), findings))];
}

async function verifyCurrentState(
  tx: Transaction,
  stored: StateSnapshots,
  room: RoomWithState,
  findings: Findings,
): Promise<void> {
  const snapshots = await stored.loadAll([room.state, ...room.endStates]);
  const state = snapshots.get(room.state);
  const entries = snapshotEntries(state);
  const current = await currentStatePairs(tx, room.nid);
  const same = entries.size === current.size && [...entries].every(([key, nid]) => current.get(key) === nid);
  if (!same) findings.violated(CURRENT, room.roomId);
  const ends = room.endStates.flatMap((id) => snapshots.get(id) ?? []);
  if (ends.length > 0 && !keepsAgreement(ends, state)) findings.violated(HEAD, room.roomId);
}

/**
 * Whether a state has all that some states agree upon: whatever state resolution makes of the rest, it keeps that. What none of
 * several has, it may bring back from an auth chain.
 */
function keepsAgreement(states: readonly Snapshot[], result: Snapshot | undefined): boolean {
  const [first, ...others] = states;
  const conflicted = new Set(others.flatMap((other) => [...snapshotDifference(first, other).keys()]));
  const mayBeNew = others.length > 0;
  return [...snapshotDifference(first, result).keys()].every(
    (key) => conflicted.has(key) || (mayBeNew && snapshotGet(first, key) === undefined),
  );
}

async function verifyPage(parts: Parts, events: readonly StoredEvent[], findings: Findings): Promise<void> {
  const rooms = await parts.rooms.byNid([...new Set(events.map((event) => event.roomNid))]);
  const keys = await parts.stateKeys.resolve(events.flatMap((event) => event.stateKeyNid ?? []));
  const surroundings = await surroundingsOf(parts, events);
  for (const event of events) {
    const version = roomVersion(rooms.get(event.roomNid)?.version ?? '');
    if (version === undefined) continue;
    if (!checkEventFormat(event.pdu, version).ok) {
      findings.violated(FORM, event.eventId);
      continue;
    }
    if (eventIdOf(event.pdu, version) !== event.eventId) findings.violated(ID, event.eventId);
    if (event.admission !== 'outlier' && !verifyContentHash(event.pdu) && !isRedacted(event))
      findings.violated(CONTENT, event.eventId);
    const key = event.pdu.state_key === undefined ? undefined : stateKey(event.pdu.type, event.pdu.state_key);
    const column = event.stateKeyNid === null ? undefined : keys.get(event.stateKeyNid);
    if (event.pdu.sender !== event.sender || nearestSafeInteger(event.pdu.depth) !== event.depth || key !== column)
      findings.violated(COLUMNS, event.eventId);
    verifyEdges(event, surroundings, findings);
    if (parts.snapshots !== undefined) verifyState(event, surroundings, findings);
  }
}

/** Redacted before it reached us, so that what we hold is what the signatures cover. */
function isRedacted(event: StoredEvent): boolean {
  return Object.keys(event.pdu.content).length === 0 || event.pdu.state_key !== undefined;
}

/** What the events of a page are built on. */
interface Surroundings {
  /** Events that they name as previous or as auth events, by nid. */
  readonly named: ReadonlyMap<number, NamedEvent>;
  readonly snapshots: ReadonlyMap<number, Snapshot>;
  /** Those of the events whose state before them was told by another server. */
  readonly told: ReadonlySet<number>;
}

async function surroundingsOf(parts: Parts, events: readonly StoredEvent[]): Promise<Surroundings> {
  const nids = new Set(events.flatMap((event) => [...event.prevEvents, ...event.authEvents]));
  const named = await namedEvents(parts.tx, [...nids]);
  const own = events.flatMap((event) => [event.stateBefore, event.stateAfter]);
  const prevs = events.flatMap((event) => event.prevEvents.map((nid) => named.get(nid)?.stateAfter));
  const snapshots = (await parts.snapshots?.loadAll([...own, ...prevs])) ?? new Map<number, Snapshot>();
  const told = await withToldState(
    parts.tx,
    events.map((event) => event.nid),
  );
  return { named, snapshots, told };
}

function verifyEdges({ pdu, ...event }: StoredEvent, { named }: Surroundings, findings: Findings): void {
  const leadTo = (nids: readonly number[], ids: readonly string[]) =>
    nids.every((nid) => ids.includes(named.get(nid)?.eventId ?? ''));
  if (!leadTo(event.prevEvents, prevEventIds(pdu)) || !leadTo(event.authEvents, authEventIds(pdu)))
    findings.violated(EDGES, event.eventId);
}

function verifyState(event: StoredEvent, { named, snapshots, told }: Surroundings, findings: Findings): void {
  if (event.stateAfter === null) return;
  const before = event.stateBefore === null ? undefined : snapshots.get(event.stateBefore);
  const after = snapshots.get(event.stateAfter);
  const key = event.admission === 'rejected' ? null : event.stateKeyNid;
  const holds = key === null || snapshotGet(after, key) === event.nid;
  if (!holds || [...snapshotDifference(before, after).keys()].some((changed) => changed !== key))
    findings.violated(REPLAY, event.eventId);
  // Where one was not held, or was told without its state, the state before is what another server has told.
  if (told.has(event.nid)) return;
  const prevs = event.prevEvents.flatMap((nid) => snapshots.get(named.get(nid)?.stateAfter ?? 0) ?? []);
  if (prevs.length === 0 || prevs.length < event.pdu.prev_events.length) return;
  if (!keepsAgreement(prevs, before)) findings.violated(FORK, event.eventId);
}
