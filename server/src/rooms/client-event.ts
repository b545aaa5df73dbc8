import type { UserId } from '../protocol/event.ts';
import { type JsonObject, nearestSafeInteger } from '../protocol/json.ts';
import { eventsByNid, type StoredEvent } from '../storage/events.ts';
import { type Snapshot, snapshotGet } from '../storage/state-snapshots.ts';
import { bundledAggregations } from './aggregations.ts';
import { erasedFor } from './erasure.ts';
import { type ClientEvent, pduForClient, plainClientEvent, type Viewer } from './plain-client-event.ts';
import type { RoomParts } from './room-parts.ts';
import { membershipsAt, readersOf, viewpointsOf, visibleFrom } from './visibility.ts';

/**
 * Events in the form for clients, pruned where redacted or erased, in the order given; they may be of several rooms. `unsigned` is made
 * anew for each viewer: age, the transaction id for the device that sent it, the redaction, the state that was replaced, the
 * viewer's membership at the time, and bundled aggregations. The caller has checked that the viewer may see the events.
 */
export async function clientEvents(
  parts: RoomParts,
  viewer: Viewer,
  events: readonly StoredEvent[],
): Promise<ClientEvent[]> {
  if (events.length === 0) return [];
  const showPlainly = async (latest: readonly StoredEvent[]) => await inContext(parts, viewer, latest, new Map());
  return await inContext(parts, viewer, events, await bundledAggregations(parts, viewer, events, showPlainly));
}

/**
 * State events in the form for clients, as lists of a room's state hold them. What came before each of them and where the
 * viewer was then is left out: in a large room, looking that up would cost more than all else.
 */
export async function clientState(
  parts: RoomParts,
  viewer: Viewer,
  events: readonly StoredEvent[],
): Promise<ClientEvent[]> {
  return await shown(parts, viewer, events, () => ({}));
}

async function inContext(
  parts: RoomParts,
  viewer: Viewer,
  events: readonly StoredEvent[],
  bundles: ReadonlyMap<string, JsonObject>,
): Promise<ClientEvent[]> {
  const snapshots = await parts.snapshots.loadAll(
    events.flatMap((event) => [event.stateAfter, event.stateKeyNid === null ? null : event.stateBefore]),
  );
  const afterIds = new Set(events.map((event) => event.stateAfter));
  const after = new Map([...snapshots].filter(([id]) => afterIds.has(id)));
  const [replaced, memberships] = await Promise.all([
    replacedStates(parts, viewer.userId, events, snapshots),
    membershipsAt(parts, viewer.userId, after),
  ]);
  return await shown(parts, viewer, events, (event) => {
    const unsigned: JsonObject = event.redactedBy === null ? { ...replaced.get(event.nid) } : {};
    if (event.stateAfter !== null) unsigned.membership = memberships.get(event.stateAfter) ?? 'leave';
    const bundle = event.redactedBy === null ? bundles.get(event.eventId) : undefined;
    if (bundle !== undefined) unsigned['m.relations'] = bundle;
    return unsigned;
  });
}

async function shown(
  parts: RoomParts,
  viewer: Viewer,
  events: readonly StoredEvent[],
  contextOf: (event: StoredEvent) => JsonObject,
): Promise<ClientEvent[]> {
  const rooms = await parts.rooms.byNid([...new Set(events.map((event) => event.roomNid))]);
  const roomOf = (event: StoredEvent) => {
    const room = rooms.get(event.roomNid);
    if (room === undefined) throw new Error(`there is no room ${event.roomNid}`);
    return room;
  };
  const [redactions, erased] = await Promise.all([
    redactionsOf(parts, events),
    erasedFor(parts, viewer.userId, events),
  ]);
  return events.map((event) => {
    const unsigned: JsonObject = {
      age: Math.max(0, parts.clock.now() - nearestSafeInteger(event.pdu.origin_server_ts)),
      ...contextOf(event),
    };
    if (event.transactionId !== null && event.sender === viewer.userId && event.deviceId === viewer.deviceId)
      unsigned.transaction_id = event.transactionId;
    const redaction = event.redactedBy === null ? undefined : redactions.get(event.redactedBy);
    if (redaction !== undefined) unsigned.redacted_because = plainClientEvent(redaction, roomOf(redaction));
    const isErased = erased.has(event.nid);
    if (isErased) delete unsigned['m.relations'];
    const form = viewer.wantsPdus === true ? pduForClient : plainClientEvent;
    return { ...form(event, roomOf(event), isErased), unsigned };
  });
}

async function redactionsOf(parts: RoomParts, events: readonly StoredEvent[]): Promise<Map<number, StoredEvent>> {
  const nids = events.flatMap((event) => event.redactedBy ?? []);
  return new Map((await eventsByNid(parts.db, nids)).map((event) => [event.nid, event]));
}

/** Keys of `unsigned` about the state that a state event replaced, by the event's nid. Content only where the user may see it. */
async function replacedStates(
  parts: RoomParts,
  userId: UserId,
  events: readonly StoredEvent[],
  snapshots: ReadonlyMap<number, Snapshot>,
): Promise<Map<number, JsonObject>> {
  const replacedBy = new Map<number, number>();
  for (const { nid, stateKeyNid, stateBefore } of events) {
    const replaced = stateKeyNid === null ? undefined : snapshotGet(snapshots.get(stateBefore ?? 0), stateKeyNid);
    if (replaced !== undefined) replacedBy.set(nid, replaced);
  }
  const found = new Map((await eventsByNid(parts.db, [...replacedBy.values()])).map((event) => [event.nid, event]));
  const readers = await readersOf(parts, [...new Set([...found.values()].map((event) => event.roomNid))], userId);
  const viewpoints = await viewpointsOf(parts, userId, [...found.values()]);
  const erased = await erasedFor(parts, userId, [...found.values()]);
  const isVisible = (event: StoredEvent) => {
    const reader = readers.get(event.roomNid);
    if (reader === undefined || event.redactedBy !== null || erased.has(event.nid)) return false;
    return visibleFrom(viewpoints, reader, [event]).length > 0;
  };
  return new Map(
    [...replacedBy].flatMap(([nid, replacedNid]) => {
      const replaced = found.get(replacedNid);
      if (replaced === undefined) return [];
      const content = isVisible(replaced) ? { prev_content: replaced.pdu.content } : {};
      return [[nid, { replaces_state: replaced.eventId, ...content }] as const];
    }),
  );
}
