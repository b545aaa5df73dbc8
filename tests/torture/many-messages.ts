import type { ServerName, UserId } from '../../server/src/protocol/event.ts';
import { hashAndSignEvent } from '../../server/src/protocol/event-signing.ts';
import { roomVersion } from '../../server/src/protocol/room-versions.ts';
import { newSigningKeySeed, signingKeyFromSeed } from '../../server/src/protocol/signing.ts';
import { type Database, openDatabase, type Transaction } from '../../server/src/storage/database.ts';
import { type EventRow, eventsByNid, insertLiveEvents, type StoredEvent } from '../../server/src/storage/events.ts';
import { openIdBlocks } from '../../server/src/storage/id-blocks.ts';
import { lockHeads, type RoomHeadRow, updateHeads } from '../../server/src/storage/rooms.ts';

/** Messages of one transaction, all of one room. */
const TOGETHER = 1_000;

/** Who writes, and what their messages rest upon. */
interface Writer {
  readonly userId: UserId;
  readonly serverName: ServerName;
  readonly authEvents: readonly StoredEvent[];
}

/**
 * Writes so many messages of a local user to the end of the user's rooms in turn, as the server that has stopped would have, but
 * many at a time.
 */
export async function writeManyMessages(
  databaseUrl: string,
  { userId, serverName }: { readonly userId: string; readonly serverName: string },
  count: number,
): Promise<void> {
  const db = openDatabase({ connection: databaseUrl, poolSize: 1 });
  try {
    const rooms = await db.query<{ nid: number }>(
      `SELECT room_nid AS nid FROM memberships WHERE user_id = $1 AND membership = 'join' ORDER BY room_nid`,
      [userId],
    );
    const nids = openIdBlocks(db, 'event_nids', 256);
    for (let written = 0, turn = 0; written < count; written += TOGETHER, turn++) {
      const room = rooms[turn % rooms.length];
      if (room === undefined) throw new Error('the user is in no room');
      const writer = { userId: userId as UserId, serverName, authEvents: await authEventsOf(db, room.nid, userId) };
      const taken = await nids.take(Math.min(TOGETHER, count - written));
      await db.transaction((tx) => writeMessages(tx, room.nid, writer, taken));
    }
  } finally {
    await db.close();
  }
}

async function authEventsOf(db: Database, roomNid: number, userId: string): Promise<StoredEvent[]> {
  const rows = await db.query<{ nid: number }>(
    `SELECT s.event_nid AS nid FROM current_state s JOIN state_keys k ON k.nid = s.state_key_nid
     WHERE s.room_nid = $1 AND (k.type IN ('m.room.create', 'm.room.power_levels') OR k.type = 'm.room.member' AND k.state_key = $2)`,
    [roomNid, userId],
  );
  return await eventsByNid(
    db,
    rows.map((row) => row.nid),
  );
}

async function writeMessages(tx: Transaction, roomNid: number, writer: Writer, nids: readonly number[]): Promise<void> {
  const [head] = await lockHeads(tx, [roomNid], true);
  const [end] = await eventsByNid(tx, head?.extremities ?? []);
  if (head === undefined || end === undefined) throw new Error('the room has no end');
  const rows = messagesAfter(head, end, writer, nids);
  void insertLiveEvents(
    tx,
    rows,
    rows.map(() => null),
    '',
  );
  const last = rows.at(-1);
  const change = {
    nid: roomNid,
    extremities: last === undefined ? head.extremities : [last.nid],
    depth: last?.depth ?? head.depth,
    currentState: head.currentState,
    lastPlace: rows.length,
    lastLocalPlace: rows.length,
  };
  updateHeads(tx, [change], rows.length);
}

/** A chain of messages on top of the room. */
function messagesAfter(
  head: RoomHeadRow,
  end: StoredEvent,
  { userId, serverName, authEvents }: Writer,
  nids: readonly number[],
): EventRow[] {
  const version = roomVersion(head.version);
  if (version === undefined) throw new Error(`no room version ${head.version}`);
  const key = signingKeyFromSeed('many', newSigningKeySeed());
  const now = Date.now();
  const of = { type: 'm.room.message', stateKeyNid: null, sender: userId, originServerTs: now, local: true } as const;
  const state = { stateBefore: head.currentState, stateAfter: head.currentState, roomState: head.currentState };
  const none = { relatesTo: null, relationType: null, deviceId: null, transactionId: null, reason: null };
  const named = authEvents.filter(({ pdu }) => version.createInAuthEvents || pdu.type !== 'm.room.create');
  let previous: { nid: number; eventId: StoredEvent['eventId']; depth: number } = end;
  return nids.map((nid) => {
    const depth = previous.depth + 1;
    const template = {
      type: of.type,
      room_id: head.roomId,
      sender: userId,
      content: { msgtype: 'm.text', body: `message ${nid}` },
      origin_server_ts: now,
      depth,
      prev_events: [previous.eventId],
      auth_events: named.map(({ eventId }) => eventId),
    };
    const { eventId, json } = hashAndSignEvent(template, version, serverName, key);
    const edges = { prevEvents: [previous.nid], authEvents: named.map((event) => event.nid) };
    previous = { nid, eventId, depth };
    return {
      ...of,
      ...state,
      ...none,
      ...edges,
      nid,
      eventId,
      roomNid: head.nid,
      admission: 'accepted',
      depth,
      pdu: json,
    };
  });
}
