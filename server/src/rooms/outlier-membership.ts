import type { Event } from '../protocol/event.ts';
import { stateKey } from '../protocol/event.ts';
import { insertEventsAside } from '../storage/events.ts';
import { appendLog } from '../storage/log.ts';
import { writeMemberships } from '../storage/memberships.ts';
import { lockHeads, type RoomRow } from '../storage/rooms.ts';
import { toEventRow, toNewMembership } from './persist.ts';
import type { RoomParts } from './room-parts.ts';

/**
 * Stores a membership of a local user in a room that this server is not in: an invite or knock that came in, or its end. The
 * event has no place in a graph of ours.
 *
 * @param strippedState JSON text of the state that came with it
 */
export async function storeOutlierMembership(
  parts: RoomParts,
  room: RoomRow,
  event: Event & { readonly json: string },
  options: { local: boolean; strippedState: string | null },
): Promise<void> {
  const [nid] = await parts.eventNids.take(1);
  const [keyNid] = await parts.stateKeys.intern([stateKey(event.pdu.type, event.pdu.state_key ?? '')]);
  if (nid === undefined || keyNid === undefined) throw new Error('no ids');
  await parts.db.transaction(async (tx) => {
    await lockHeads(tx, [room.nid], true);
    const row = toEventRow(
      {
        nid,
        event,
        json: event.json,
        admission: 'outlier',
        reason: null,
        local: options.local,
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
    if (membership !== undefined) writeMemberships(tx, [{ ...membership, strippedState: options.strippedState }], 1);
  });
  parts.follower.poke();
}
