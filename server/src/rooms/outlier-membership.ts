import { type ServerName, stateKey } from '../protocol/event.ts';
import type { SignedEvent } from '../protocol/event-signing.ts';
import type { Transaction } from '../storage/database.ts';
import { eventsById, insertEventsAside } from '../storage/events.ts';
import { appendLog } from '../storage/log.ts';
import { serverIsJoined, writeMemberships } from '../storage/memberships.ts';
import { lockHeads, type RoomRow } from '../storage/rooms.ts';
import type { VerifiedPdu } from './admit-pdu.ts';
import { toEventRow, toNewMembership } from './persist.ts';
import type { RoomParts } from './room-parts.ts';

interface OutlierOptions {
  /** Whether it was made here. */
  readonly local: boolean;
  /** JSON text of the state that came with it. */
  readonly strippedState?: string;
  /** Server that took it, for a knock. */
  readonly via?: ServerName;
}

/**
 * Stores a membership of a local user in a room that this server is not in: an invite that came in, a knock, or
 * the end of either. The event has
 * no place in a graph of ours. Where this server has entered the room meanwhile the membership comes with the room's events,
 * and an event that is known has had its effect: nothing is done then.
 */
export async function storeOutlierMembership(
  parts: RoomParts,
  room: RoomRow,
  event: VerifiedPdu | SignedEvent,
  options: OutlierOptions,
): Promise<void> {
  const [nid] = await parts.eventNids.take(1);
  const [keyNid] = await parts.stateKeys.intern([stateKey(event.pdu.type, event.pdu.state_key ?? '')]);
  if (nid === undefined || keyNid === undefined) throw new Error('no ids');
  await parts.db.transaction(async (tx) => {
    await lockHeads(tx, [room.nid], true);
    if (await serverIsJoined(tx, room.nid, parts.serverName)) return;
    if ((await eventsById(tx, [event.eventId])).length > 0) return;
    await write(tx, room, event, { nid, keyNid }, options);
  });
  parts.follower.poke();
}

async function write(
  tx: Transaction,
  room: RoomRow,
  event: VerifiedPdu | SignedEvent,
  { nid, keyNid }: { readonly nid: number; readonly keyNid: number },
  options: OutlierOptions,
): Promise<void> {
  const row = toEventRow(
    {
      nid,
      event,
      admission: 'outlier',
      reason: null,
      local: options.local,
      isFromElsewhere: !options.local,
      stateKeyNid: keyNid,
      prevEvents: [],
      missingPrevEvents: [],
      authEvents: [],
      stateBefore: undefined,
      stateAfter: undefined,
      roomState: undefined,
      redacts: null,
      deviceId: null,
      transactionId: null,
    },
    room.nid,
  );
  insertEventsAside(tx, [row]);
  const entry = { kind: 'event' as const, roomNid: room.nid, userId: event.pdu.state_key ?? null, ref: nid };
  await appendLog(tx, [entry]);
  const membership = toNewMembership(room.nid, nid, event.pdu, 1);
  const shown = { strippedState: options.strippedState ?? null, via: options.via ?? null };
  if (membership === undefined) return;
  writeMemberships(tx, [{ ...membership, ...shown }], 1);
}
