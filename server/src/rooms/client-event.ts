import { stateKey, type UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import { eventsByNid, type StoredEvent } from '../storage/events.ts';
import { snapshotGet } from '../storage/state-snapshots.ts';
import { bundledAggregations } from './aggregations.ts';
import { type ClientEvent, plainClientEvent, type Viewer } from './plain-client-event.ts';
import type { RoomParts } from './room-parts.ts';

/**
 * Events in the form for clients, pruned where redacted, in the order given; they may be of several rooms. `unsigned` is made
 * anew for each viewer: age, the transaction id for the device that sent it, the redaction, the state that was replaced, the
 * viewer's membership at the time, and bundled aggregations. The caller has checked that the viewer may see the events.
 */
export async function clientEvents(
  parts: RoomParts,
  viewer: Viewer,
  events: readonly StoredEvent[],
  { aggregations } = { aggregations: true },
): Promise<ClientEvent[]> {
  if (events.length === 0) return [];
  const rooms = await parts.rooms.byNid([...new Set(events.map((event) => event.roomNid))]);
  const roomOf = (event: StoredEvent) => {
    const room = rooms.get(event.roomNid);
    if (room === undefined) throw new Error(`there is no room ${event.roomNid}`);
    return room;
  };
  const showPlainly = async (latest: readonly StoredEvent[]) =>
    await clientEvents(parts, viewer, latest, { aggregations: false });
  const redactions = await redactionsOf(parts, events);
  const memberKey = await memberStateKey(parts, viewer.userId);
  const bundles = aggregations
    ? await bundledAggregations(parts, viewer, events, showPlainly)
    : new Map<string, JsonObject>();
  const views = new Map<number, string>();
  return await Promise.all(
    events.map(async (event) => {
      const shown = plainClientEvent(event, roomOf(event));
      const unsigned: JsonObject = { age: Math.max(0, parts.clock.now() - event.pdu.origin_server_ts) };
      if (event.transactionId !== null && event.sender === viewer.userId && event.deviceId === viewer.deviceId)
        unsigned.transaction_id = event.transactionId;
      const redaction = event.redactedBy === null ? undefined : redactions.get(event.redactedBy);
      if (redaction !== undefined) unsigned.redacted_because = plainClientEvent(redaction, roomOf(redaction));
      else Object.assign(unsigned, await replacedState(parts, event));
      const membership = await membershipAt(parts, event, memberKey, views);
      if (membership !== undefined) unsigned.membership = membership;
      const bundle = redaction === undefined ? bundles.get(event.eventId) : undefined;
      if (bundle !== undefined) unsigned['m.relations'] = bundle;
      shown.unsigned = unsigned;
      return shown;
    }),
  );
}

async function redactionsOf(parts: RoomParts, events: readonly StoredEvent[]): Promise<Map<number, StoredEvent>> {
  const nids = events.flatMap((event) => event.redactedBy ?? []);
  return new Map((await eventsByNid(parts.db, nids)).map((event) => [event.nid, event]));
}

async function memberStateKey(parts: RoomParts, userId: UserId): Promise<number | undefined> {
  return [...(await parts.stateKeys.find([stateKey('m.room.member', userId)])).values()][0];
}

/** Keys of `unsigned` about the state that a state event replaced. */
async function replacedState(parts: RoomParts, event: StoredEvent): Promise<JsonObject> {
  if (event.stateKeyNid === null || event.stateBefore === null) return {};
  const nid = snapshotGet(await parts.snapshots.load(event.stateBefore), event.stateKeyNid);
  const [replaced] = nid === undefined ? [] : await eventsByNid(parts.db, [nid]);
  if (replaced === undefined) return {};
  return {
    replaces_state: replaced.eventId,
    prev_sender: replaced.sender,
    ...(replaced.redactedBy === null ? { prev_content: replaced.pdu.content } : {}),
  };
}

/** Membership of the viewer at the event (`unsigned.membership`). Most events of a page share their state. */
async function membershipAt(
  parts: RoomParts,
  event: StoredEvent,
  memberKey: number | undefined,
  known: Map<number, string>,
): Promise<string | undefined> {
  if (event.stateAfter === null) return undefined;
  const cached = known.get(event.stateAfter);
  if (cached !== undefined) return cached;
  const nid =
    memberKey === undefined ? undefined : snapshotGet(await parts.snapshots.load(event.stateAfter), memberKey);
  const membership = nid === undefined ? 'leave' : (await parts.events.byNid([nid])).get(nid)?.pdu.content.membership;
  const shown = typeof membership === 'string' ? membership : 'leave';
  known.set(event.stateAfter, shown);
  return shown;
}
