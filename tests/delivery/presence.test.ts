import { expect, test } from 'vitest';
import { systemClock } from '../../server/src/base/clock.ts';
import { PendingEdus } from '../../server/src/delivery/pending-edus.ts';
import type { UserId } from '../../server/src/protocol/event.ts';
import type { JsonObject } from '../../server/src/protocol/json.ts';
import { createRoom } from '../../server/src/rooms/create-room.ts';
import { joinRoom } from '../../server/src/rooms/join.ts';
import { testClock } from '../harness/test-clock.ts';
import { createTestDatabase, testDatabase } from '../harness/test-database.ts';
import {
  ALICE,
  joinFrom,
  type Process,
  publicRoom,
  type Receiver,
  SERVER,
  say,
  startProcess,
  startReceiver,
} from './sender-scene.ts';

const BOB = `@bob:${SERVER}` as const;
const emptyDatabase = await testDatabase();

/** Users with what was told of them last. */
function told(receiver: Receiver): Record<string, JsonObject> {
  const updates = (receiver.edus('m.presence') as { push: JsonObject[] }[]).flatMap(({ push }) => push);
  return Object.fromEntries(updates.map(({ user_id: userId, ...content }) => [userId, content]));
}

async function scene(clock = systemClock) {
  const { url } = await createTestDatabase();
  const process = await startProcess(url, clock);
  const roomId = await publicRoom(process);
  const receiver = await startReceiver();
  await joinFrom(process, receiver, roomId);
  return { process, roomId, receiver };
}

/** Waits until the process has told what there was to tell: what is set now is told last. */
async function untilToldLast({ presence }: Process, receiver: Receiver, statusMsg: string, user: UserId = ALICE) {
  await presence.set(user, 'online', statusMsg);
  await receiver.until((one) => told(one)[user]?.status_msg === statusMsg);
}

test('servers that share a room with a user are told of their presence, changes behind one another as one', async () => {
  const { process, receiver } = await scene();
  const outside = await startReceiver();
  const { presence } = process;
  // All in one turn, so that no round falls between them.
  await Promise.all([
    presence.set(BOB, 'online', 'in no room'),
    presence.set(ALICE, 'online', 'older'),
    presence.set(ALICE, 'unavailable', 'at lunch'),
  ]);
  await receiver.until((one) => told(one)[ALICE] !== undefined);
  expect(receiver.edus('m.presence')).toEqual([
    {
      push: [{ user_id: ALICE, presence: 'unavailable', status_msg: 'at lunch', last_active_ago: expect.any(Number) }],
    },
  ]);
  await process.presence.set(ALICE, 'offline', undefined);
  await receiver.until((one) => told(one)[ALICE]?.presence === 'offline');
  expect(outside.seen).toEqual([]);
});

test('A2.1 what another server says of its users is not told on', async () => {
  const { process, roomId, receiver } = await scene();
  const other = await startReceiver();
  await joinFrom(process, other, roomId);
  await process.presence.hear(other.user, { presence: 'online', statusMsg: undefined, lastActiveAgoMs: 0 });
  await untilToldLast(process, receiver, 'last');
  expect(Object.keys(told(receiver))).toEqual([ALICE]);
});

test('a user who falls silent is told to be offline, and one who stays is named again before others take them for away', async () => {
  const clock = testClock(Date.now());
  const { process, receiver } = await scene(clock);
  await process.presence.syncing(ALICE, 'online');
  await receiver.until((one) => told(one)[ALICE]?.presence === 'online');
  const renewals = () => receiver.edus('m.presence').length;
  const before = renewals();
  for (let minutes = 0; minutes < 20; minutes += 2) {
    clock.advance(120_000);
    await process.presence.syncing(ALICE, 'online');
  }
  await receiver.until(() => renewals() > before);
  expect(told(receiver)[ALICE]).toMatchObject({ presence: 'online', currently_active: false });
  clock.advance(300_000);
  await receiver.until((one) => told(one)[ALICE]?.presence === 'offline');
});

test('whoever comes to share a room is told of those who are there', async () => {
  const { process, roomId, receiver } = await scene();
  await process.presence.set(BOB, 'unavailable', 'not there yet');
  await untilToldLast(process, receiver, 'there');
  expect(told(receiver)[BOB]).toBeUndefined();
  const late = await startReceiver();
  await joinFrom(process, late, roomId);
  await late.until((one) => told(one)[ALICE]?.status_msg === 'there');
  expect(told(late)[BOB]).toBeUndefined();
  await joinRoom(process.parts, { userId: BOB, deviceId: 'B' }, roomId, {});
  for (const one of [receiver, late]) await one.until(() => told(one)[BOB]?.presence === 'unavailable');
});

test('a server that is away is not tried again for presence, and told when it is back', async () => {
  const { process, roomId, receiver } = await scene();
  const other = await startReceiver();
  await joinFrom(process, other, roomId);
  const now = Date.now();
  await process.parts.db.query(
    `INSERT INTO destinations (server_name, failing_since, retry_at) VALUES ($1, $2, $2)
     ON CONFLICT (server_name) DO UPDATE SET failing_since = $2, retry_at = $2`,
    [receiver.serverName, now - 60_000],
  );
  // Its wait is over, so that an event would be sent at once.
  const seen = receiver.seen.length;
  for (const status of ['first', 'second', 'third']) await untilToldLast(process, other, status);
  // With what the one that is away has no part in, the round before is over.
  const elsewhere = await createRoom(process.parts, { userId: BOB, deviceId: 'B' }, { preset: 'public_chat' });
  await joinFrom(process, other, elsewhere);
  await untilToldLast(process, other, 'elsewhere', BOB);
  expect(receiver.seen.length).toBe(seen);
  await process.federation.backoff.heardFrom(receiver.serverName);
  await receiver.until((one) => told(one)[ALICE]?.status_msg === 'third');
  await say(process, roomId, 'and an event');
  await receiver.until(({ texts }) => texts().length === 1);
});

test('an EDU names a hundred users at most, a destination has a bounded number of them waiting, and the newest are kept', async () => {
  const statusMsg = new Map<string, string>();
  const edus = new PendingEdus(
    {
      db: emptyDatabase,
      serverName: SERVER,
      logPosition: () => 0,
      presenceOf: (userId) => ({ presence: 'online', last_active_ago: 0, status_msg: statusMsg.get(userId) ?? '' }),
    },
    'elsewhere',
  );
  const users = Array.from({ length: 1_100 }, (_, i) => `@user${i}:${SERVER}` as const);
  edus.addPresence(users);
  edus.addPresence(users.slice(200, 210));
  const push = async () =>
    (await edus.take(0, 0, 0)).edus.flatMap(({ content }) => (content as { push: { user_id: string }[] }).push);
  const batches: string[][] = [];
  while (batches.length < 9) batches.push((await push()).map(({ user_id: userId }) => userId));
  expect(new Set(batches.map(({ length }) => length))).toEqual(new Set([100]));
  for (const user of users) statusMsg.set(user, '\u{1f600}'.repeat(256));
  const large = await push();
  expect(Buffer.byteLength(JSON.stringify(large))).toBeLessThan(65_536);
  batches.push(large.map(({ user_id: userId }) => userId));
  for (let rest = await push(); rest.length > 0; rest = await push())
    batches.push(rest.map(({ user_id: userId }) => userId));
  expect(batches.flat()).toEqual([...users.slice(100, 200), ...users.slice(210), ...users.slice(200, 210)]);
  expect(edus.hasMore).toBe(false);
});
