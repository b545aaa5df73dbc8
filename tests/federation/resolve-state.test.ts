import { beforeAll, expect, test } from 'vitest';
import type { JsonValue } from '../../server/src/protocol/json.ts';
import { openEventCache } from '../../server/src/rooms/event-cache.ts';
import { OpenRoom } from '../../server/src/rooms/open-room.ts';
import { resolveSnapshots } from '../../server/src/rooms/resolve-state.ts';
import type { RoomParts } from '../../server/src/rooms/room-parts.ts';
import { type Database, openDatabase } from '../../server/src/storage/database.ts';
import { eventsByNid } from '../../server/src/storage/events.ts';
import { openIdBlocks } from '../../server/src/storage/id-blocks.ts';
import { type RoomHeadRow, roomHead } from '../../server/src/storage/rooms.ts';
import { openStateKeys } from '../../server/src/storage/state-keys.ts';
import { openStateSnapshots, type Snapshot, snapshotDifference } from '../../server/src/storage/state-snapshots.ts';
import { atEnd } from '../harness/at-end.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom } from '../harness/puppet-room.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const puppet = await startPuppetServer();
const pool = openDatabase({ connection: alpha.databaseUrl, poolSize: 2 });
atEnd(() => pool.close());

/** Statements that have been run. */
const asked: string[] = [];
const db: Database = {
  ...pool,
  query(text, values) {
    asked.push(text);
    return pool.query(text, values);
  },
};
const parts = {
  db,
  stateKeys: openStateKeys(db),
  snapshots: openStateSnapshots(db, openIdBlocks(db, 'state_snapshot_ids', 64)),
  events: openEventCache(db),
} as Partial<RoomParts> as RoomParts;

let head: RoomHeadRow;
/** States after the ends of the two branches. */
let states: Snapshot[];

beforeAll(async () => {
  const alice = await Person.register(alpha, 'alice');
  const roomId = await alice.createRoom({ power_level_content_override: { state_default: 0 } });
  const userId = puppet.user('guest');
  const room = await PuppetRoom.join(puppet, alpha.serverName, roomId, userId);
  room.serve();
  await alice.setState(roomId, 'm.room.name', { name: 'on our branch' });
  const topic = room.add({ type: 'm.room.topic', sender: userId, stateKey: '', content: { topic: 'on theirs' } });
  const sent = await puppet.call(alpha.serverName, 'PUT', '/v1/send/topic', { pdus: [topic.pdu] as JsonValue[] });
  expect(sent.body.pdus).toEqual({ [topic.eventId]: {} });
  const [row] = await pool.query<{ nid: number }>('SELECT nid FROM rooms WHERE room_id = $1', [roomId]);
  const found = await roomHead(pool, row?.nid ?? 0);
  if (found === undefined) throw new Error('there is no room');
  head = found;
  const ends = await eventsByNid(pool, head.extremities);
  states = [...(await parts.snapshots.loadAll(ends.map((event) => event.stateAfter))).values()];
  expect(states).toHaveLength(2);
});

test('while branches stay open, what they resolve to is worked out once', async () => {
  const first = await resolveSnapshots(parts, await OpenRoom.open(parts, head), states);
  expect(first?.id).toBe(head.currentState);
  const later = await OpenRoom.open(parts, head);
  asked.length = 0;
  expect(await resolveSnapshots(parts, later, states)).toBe(first);
  expect(await resolveSnapshots(parts, later, states.toReversed())).toBe(first);
  expect(asked).toEqual([]);
});

test('what they resolve to is worked out anew where it has been undone', async () => {
  parts.snapshots.resolutions.delete(
    states
      .map(({ id }) => id)
      .sort((one, other) => one - other)
      .join(),
  );
  const [one] = states;
  const open = await OpenRoom.open(parts, { ...head, currentState: one?.id ?? null });
  const checkpoint = open.checkpoint();
  const made = await resolveSnapshots(parts, open, states);
  expect(open.newSnapshots).toEqual([made]);
  asked.length = 0;
  expect(await resolveSnapshots(parts, open, states)).toBe(made);
  expect(asked).toEqual([]);
  open.restore(checkpoint);
  const again = await resolveSnapshots(parts, open, states);
  expect(again).not.toBe(made);
  expect(open.newSnapshots).toEqual([again]);
  expect(snapshotDifference(made, again)).toEqual(new Map());
  const elsewhere = await OpenRoom.open(parts, { ...head, currentState: one?.id ?? null });
  const fresh = await resolveSnapshots(parts, elsewhere, states);
  expect(elsewhere.newSnapshots).toEqual([fresh]);
});
