import { expect, test } from 'vitest';
import { PendingEdus } from '../../server/src/delivery/pending-edus.ts';
import type { UserId } from '../../server/src/protocol/event.ts';
import { joinRoom } from '../../server/src/rooms/join.ts';
import type { Database } from '../../server/src/storage/database.ts';
import { recordDeviceChanges } from '../../server/src/storage/device-lists.ts';
import { insertDevice } from '../../server/src/storage/devices.ts';
import { createTestDatabase } from '../harness/test-database.ts';
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

const BOB: UserId = ALICE.replace('alice', 'bob') as UserId;

interface Update {
  readonly user_id: string;
  readonly device_id: string;
  readonly stream_id: number;
  readonly prev_id: number[];
  readonly deleted?: boolean;
  readonly device_display_name?: string;
}

const updates = (receiver: Receiver) => receiver.edus('m.device_list_update') as Update[];

async function change({ parts }: Process, userId: UserId, ...deviceIds: string[]): Promise<void> {
  await parts.db.transaction(async (tx) => await recordDeviceChanges(tx, userId, deviceIds));
}

async function addDevice(db: Database, userId: UserId, deviceId: string, displayName: string): Promise<void> {
  await db.query('INSERT INTO accounts (user_id, created_at) VALUES ($1, 0) ON CONFLICT DO NOTHING', [userId]);
  await db.transaction(async (tx) => {
    await insertDevice(tx, { userId, deviceId, displayName, createdAt: 0, createdFrom: '192.0.2.1' });
    await recordDeviceChanges(tx, userId, [deviceId]);
  });
}

async function scene() {
  const { url } = await createTestDatabase();
  const process = await startProcess(url);
  const roomId = await publicRoom(process);
  const receiver = await startReceiver();
  await joinFrom(process, receiver, roomId);
  return { url, process, roomId, receiver };
}

test('servers that share a room are told of changed devices, each change with the one before it, and no others', async () => {
  const { process, roomId, receiver } = await scene();
  const [outside, elsewhere] = [await startReceiver(), await publicRoom(process)];
  await joinFrom(process, outside, elsewhere);
  await process.parts.db.query(`UPDATE memberships SET membership = 'leave' WHERE user_id = $1 AND room_nid = $2`, [
    ALICE,
    (await process.parts.rooms.byId(elsewhere))?.nid,
  ]);
  await addDevice(process.parts.db, ALICE, 'PHONE', 'Phone');
  await receiver.until(() => updates(receiver).length === 1);
  await change(process, ALICE, 'GONE');
  await receiver.until(() => updates(receiver).length === 2);
  const [first, second] = updates(receiver);
  expect(first).toEqual({
    user_id: ALICE,
    device_id: 'PHONE',
    device_display_name: 'Phone',
    stream_id: expect.any(Number),
    prev_id: [],
  });
  expect(second).toEqual({
    user_id: ALICE,
    device_id: 'GONE',
    deleted: true,
    stream_id: expect.any(Number),
    prev_id: [first?.stream_id],
  });
  await say(process, roomId, 'after');
  await receiver.until(({ texts }) => texts().length === 1);
  expect(updates(receiver)).toHaveLength(2);
  expect(updates(outside)).toEqual([]);
});

test('a server that was away is told of the last change alone, and that it lacks one', async () => {
  const { process, receiver } = await scene();
  await change(process, ALICE, 'ONE');
  await receiver.until(() => updates(receiver).length === 1);
  receiver.isUp = false;
  await change(process, ALICE, 'TWO');
  await change(process, ALICE, 'THREE');
  receiver.isUp = true;
  await process.federation.backoff.heardFrom(receiver.serverName);
  await receiver.until(() => updates(receiver).some(({ device_id: id }) => id === 'THREE'));
  const [first, ...later] = updates(receiver);
  const last = later.at(-1);
  // The second one may have been on its way already.
  const known = later.length === 2 ? later[0] : first;
  if (later.length === 1) expect(last?.prev_id).not.toEqual([known?.stream_id]);
  expect(last?.stream_id).toBeGreaterThan(known?.stream_id ?? 0);
});

test('several devices that change at once are told as one change after another that nobody was told of', async () => {
  const { process, receiver } = await scene();
  await change(process, ALICE, 'ONE');
  await change(process, ALICE, 'TWO', 'THREE', 'FOUR');
  await receiver.until(() => updates(receiver).some(({ device_id: id }) => id === 'FOUR'));
  const last = updates(receiver).at(-1);
  expect(last?.prev_id).toEqual([(last?.stream_id ?? 0) - 1]);
});

test('a change that is named while the log is looked at further on is looked for the next time', async () => {
  const { process, receiver } = await scene();
  await process.sender.stop();
  await change(process, ALICE, 'ONE');
  const { db, follower } = process.parts;
  const [log] = await db.query<{ position: number }>('SELECT position FROM log_head');
  const position = log?.position ?? 0;
  const parts = { db, serverName: SERVER, logPosition: () => follower.position(), presenceOf: () => undefined };
  const edus = new PendingEdus(parts, receiver.serverName);
  const end = position + 5;
  // Events up to the end have been sent while it was looked up whom the change concerns.
  const underWay = edus.take(end, end, end);
  edus.addDeviceLists(position);
  expect((await underWay).edus).toEqual([]);
  expect(edus.hasMore).toBe(true);
  expect((await edus.take(end, end, end)).edus).toMatchObject([{ content: { user_id: ALICE, device_id: 'ONE' } }]);
  expect((await edus.take(end, end, end)).edus).toEqual([]);
});

test('a change that nobody was told of before the process ended is told afterwards', async () => {
  const { url, process, receiver } = await scene();
  await process.sender.stop();
  await change(process, ALICE, 'ONE');
  await process.stop();
  await startProcess(url);
  await receiver.until(() => updates(receiver).length === 1);
});

test('a server is told of the devices of a user who comes to a room of it, and not of those who were there before it', async () => {
  const { process, roomId, receiver } = await scene();
  await addDevice(process.parts.db, BOB, 'TABLET', 'Tablet');
  await say(process, roomId, 'before');
  await receiver.until(({ texts }) => texts().length === 1);
  expect(updates(receiver).filter(({ user_id: id }) => id === BOB)).toEqual([]);
  await joinRoom(process.parts, { userId: BOB, deviceId: 'TABLET' }, roomId, {});
  await receiver.until(() => updates(receiver).length === 1);
  expect(updates(receiver)).toMatchObject([{ user_id: BOB, device_id: 'TABLET', prev_id: [] }]);
  const late = await startReceiver();
  await joinFrom(process, late, roomId);
  await say(process, roomId, 'after');
  await late.until(({ texts }) => texts().length === 1);
  expect(updates(late)).toEqual([]);
});

test('more changes than go into one transaction all arrive', async () => {
  const { process, roomId, receiver } = await scene();
  receiver.isUp = false;
  const users = Array.from({ length: 45 }, (_, n) => ALICE.replace('alice', `user${n}`) as UserId);
  for (const userId of users) {
    await joinRoom(process.parts, { userId, deviceId: 'D' }, roomId, {});
    await change(process, userId, 'D');
  }
  receiver.isUp = true;
  await process.federation.backoff.heardFrom(receiver.serverName);
  await receiver.until(() => new Set(updates(receiver).map(({ user_id: id }) => id)).size === users.length);
  expect(receiver.taken.every(({ edus }) => edus.length <= 100)).toBe(true);
});
