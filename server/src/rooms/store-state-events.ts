import { authorizeByAuthEvents } from '../protocol/auth-rules.ts';
import type { KnownEvent } from '../protocol/authorization.ts';
import { type Event, type EventId, type StateKey, stateKey } from '../protocol/event.ts';
import type { Admission } from '../storage/events.ts';
import { eventsById } from '../storage/events.ts';
import type { Snapshot } from '../storage/state-snapshots.ts';
import type { VerifiedPdu } from './admit-pdu.ts';
import { asRuleEvent } from './event-cache.ts';
import type { OpenRoom } from './open-room.ts';
import type { RoomParts } from './room-parts.ts';

interface Known {
  readonly nid: number;
  readonly event: Event;
  readonly rejected: boolean;
}

/**
 * Stores the state of a room and its auth chain as another server told us (send_join, state, state_ids), without a place in
 * the graph, each event authorised by its own auth events. Events whose auth events are not there, and those that break the
 * rules, do not become part of the state.
 *
 * @param held events of the state that we hold already and that are not among those given
 * @returns the state as a snapshot
 */
export async function storeStateEvents(
  parts: RoomParts,
  open: OpenRoom,
  state: readonly VerifiedPdu[],
  authChain: readonly VerifiedPdu[],
  held: readonly EventId[] = [],
): Promise<Snapshot> {
  const given = new Map<EventId, VerifiedPdu>([...authChain, ...state].map((pdu) => [pdu.eventId, pdu]));
  const known = await heldAlready(parts, open, given, held);
  const ordered = authOrder([...given.values()].filter((pdu) => !known.has(pdu.eventId)));
  const create = [...given.values(), ...[...known.values()].map(({ event }) => event)].find(
    ({ pdu }) => pdu.type === 'm.room.create' && pdu.state_key === '',
  );
  const nids = await parts.eventNids.take(ordered.length);
  const keyNids = await internStateKeys(parts, ordered);
  for (const [index, pdu] of ordered.entries()) {
    const nid = nids[index];
    if (nid === undefined) throw new Error('no event nid');
    const admission = judge(open, pdu, known, create);
    if (admission === 'missing') continue;
    known.set(pdu.eventId, { nid, event: pdu, rejected: admission.admission === 'rejected' });
    open.addAside({
      nid,
      event: { eventId: pdu.eventId, roomId: pdu.roomId, pdu: pdu.pdu },
      json: pdu.json,
      ...admission,
      local: false,
      stateKeyNid: keyNids.get(pdu.eventId) ?? null,
      prevEvents: [],
      missingPrevEvents: [],
      authEvents: pdu.pdu.auth_events.flatMap((id) => known.get(id)?.nid ?? []),
      stateBefore: undefined,
      stateAfter: undefined,
      roomState: undefined,
      redacts: null,
      deviceId: null,
      transactionId: null,
    });
  }
  return await snapshotOf(parts, open, [...state.map((pdu) => pdu.eventId), ...held], known);
}

async function heldAlready(
  parts: RoomParts,
  open: OpenRoom,
  given: ReadonlyMap<EventId, VerifiedPdu>,
  held: readonly EventId[],
): Promise<Map<EventId, Known>> {
  const wanted = new Set<EventId>([...given.keys(), ...held]);
  for (const { pdu } of given.values()) for (const id of pdu.auth_events) wanted.add(id);
  const known = new Map<EventId, Known>();
  for (const stored of await eventsById(parts.db, [...wanted])) {
    if (stored.roomNid !== open.room.nid || stored.admission === 'outlier') continue;
    const event = asRuleEvent(stored, open.room.roomId);
    known.set(stored.eventId, { nid: stored.nid, event, rejected: stored.admission === 'rejected' });
  }
  return known;
}

async function internStateKeys(
  parts: RoomParts,
  events: readonly VerifiedPdu[],
): Promise<Map<EventId, number | undefined>> {
  const stateEvents = events.filter(({ pdu }) => pdu.state_key !== undefined);
  const nids = await parts.stateKeys.intern(stateEvents.map(({ pdu }) => stateKey(pdu.type, pdu.state_key ?? '')));
  return new Map(stateEvents.map((pdu, index) => [pdu.eventId, nids[index]]));
}

/** The events such that each comes after those of its auth events that are among them. Iterative, each visited once. */
function authOrder(events: readonly VerifiedPdu[]): VerifiedPdu[] {
  const byId = new Map(events.map((event) => [event.eventId, event]));
  const done = new Set<EventId>();
  const entered = new Set<EventId>();
  const ordered: VerifiedPdu[] = [];
  for (const start of events) {
    const stack = [start];
    for (let event = stack.at(-1); event !== undefined; event = stack.at(-1)) {
      const id = event.eventId;
      if (done.has(id)) {
        stack.pop();
        continue;
      }
      const waiting = entered.has(id)
        ? []
        : event.pdu.auth_events.flatMap((auth) => (done.has(auth) ? [] : (byId.get(auth) ?? [])));
      entered.add(id);
      if (waiting.length > 0) {
        stack.push(...waiting);
        continue;
      }
      stack.pop();
      done.add(id);
      ordered.push(event);
    }
  }
  return ordered;
}

function judge(
  open: OpenRoom,
  pdu: VerifiedPdu,
  known: ReadonlyMap<EventId, Known>,
  create: Event | undefined,
): { admission: Admission; reason: string | null } | 'missing' {
  const authEvents: KnownEvent[] = [];
  for (const id of pdu.pdu.auth_events) {
    const auth = known.get(id);
    if (auth === undefined) return 'missing';
    authEvents.push({ event: auth.event, rejected: auth.rejected });
  }
  const verdict = authorizeByAuthEvents(pdu, open.version, { authEvents, create, signers: pdu.signers });
  return verdict.allowed
    ? { admission: 'accepted', reason: null }
    : { admission: 'rejected', reason: `auth events: ${verdict.reason}` };
}

async function snapshotOf(
  parts: RoomParts,
  open: OpenRoom,
  state: readonly EventId[],
  known: ReadonlyMap<EventId, Known>,
): Promise<Snapshot> {
  const byKey = new Map<StateKey, number>();
  for (const eventId of state) {
    const event = known.get(eventId);
    const pdu = event?.event.pdu;
    if (event === undefined || event.rejected || pdu?.state_key === undefined) continue;
    byKey.set(stateKey(pdu.type, pdu.state_key), event.nid);
  }
  const keyNids = await parts.stateKeys.intern([...byKey.keys()]);
  return await open.derive(undefined, new Map([...byKey.values()].map((nid, index) => [keyNids[index] ?? 0, nid])));
}
