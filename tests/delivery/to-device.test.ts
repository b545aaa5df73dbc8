import { expect, test } from 'vitest';
import type { JsonObject } from '../../server/src/protocol/json.ts';
import { sendToDevice } from '../../server/src/users/to-device.ts';
import { sendJson } from '../federation/federation-scene.ts';
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

let txns = 0;

async function send({ parts }: Process, receiver: Receiver, content: object, deviceId = 'DEVICE'): Promise<void> {
  const messages = { [receiver.user]: { [deviceId]: content } };
  const request = { type: 'm.test', txnId: `d${txns++}`, messages };
  await sendToDevice(parts.db, SERVER, { userId: ALICE, deviceId: 'A' }, request);
}

type Content = JsonObject & {
  readonly message_id: string;
  readonly messages: Record<string, Record<string, { n: number }>>;
};
const taken = (receiver: Receiver) => receiver.edus('m.direct_to_device') as Content[];
const numbers = (receiver: Receiver) => taken(receiver).map(({ messages }) => messages[receiver.user]?.DEVICE?.n);
const waiting = async ({ parts }: Process) =>
  (await parts.db.query<{ n: number }>('SELECT count(*)::int AS n FROM to_device_outbox'))[0]?.n;

async function scene() {
  const { url } = await createTestDatabase();
  return { url, process: await startProcess(url), receiver: await startReceiver() };
}

test('messages to devices reach their server in order, whether it shares a room with us or not', async () => {
  const { process, receiver } = await scene();
  const roomId = await publicRoom(process);
  await send(process, receiver, { n: 0 });
  await receiver.until(() => numbers(receiver).length === 1);
  expect(taken(receiver)).toEqual([
    {
      sender: ALICE,
      type: 'm.test',
      message_id: expect.stringMatching(/^[\w-]{16}$/),
      messages: { [receiver.user]: { DEVICE: { n: 0 } } },
    },
  ]);
  await joinFrom(process, receiver, roomId);
  for (let n = 1; n < 30; n++) await send(process, receiver, { n });
  await say(process, roomId, 'said');
  await receiver.until(() => numbers(receiver).length === 30 && receiver.texts().length === 1);
  expect(numbers(receiver)).toEqual(Array.from({ length: 30 }, (_, n) => n));
  await expect.poll(() => waiting(process)).toBe(0);
});

test('a server that was away gets what waits for it, a hundred EDUs at most in a transaction', async () => {
  const { process, receiver } = await scene();
  receiver.isUp = false;
  for (let n = 0; n < 70; n++) await send(process, receiver, { n });
  receiver.isUp = true;
  await process.federation.backoff.heardFrom(receiver.serverName);
  await receiver.until(() => numbers(receiver).length >= 70);
  expect(numbers(receiver)).toEqual(Array.from({ length: 70 }, (_, n) => n));
  expect(receiver.taken.every(({ edus }) => edus.length <= 100)).toBe(true);
});

test('what was not answered is sent again after a restart, by another process too, with the same message id', async () => {
  const { url, process, receiver } = await scene();
  receiver.answer = () => {};
  await send(process, receiver, { n: 1 });
  await receiver.until(({ seen }) => seen.length === 1);
  await process.stop();
  receiver.answer = undefined;
  await startProcess(url);
  await receiver.until(() => numbers(receiver).length === 1);
  const [first, second] = receiver.seen;
  expect(second?.edus).toEqual(first?.edus);
});

test('a message that one process takes is sent by the one that serves the destination', async () => {
  const { url, process, receiver } = await scene();
  const second = await startProcess(url);
  await send(second, receiver, { n: 1 });
  await receiver.until(() => numbers(receiver).length === 1);
  expect(process.alarms).toEqual([]);
});

test('messages that do not fit into one EDU of 64 KiB are divided', async () => {
  const { process, receiver } = await scene();
  const text = 'x'.repeat(25_000);
  const byDevice = Object.fromEntries(['A', 'B', 'C', 'D'].map((device) => [device, { text }]));
  const request = { type: 'm.test', txnId: 'large', messages: { [receiver.user]: byDevice } };
  await sendToDevice(process.parts.db, SERVER, { userId: ALICE, deviceId: 'A' }, request);
  await receiver.until(() => taken(receiver).length === 2);
  const devices = taken(receiver).flatMap(({ messages }) => Object.keys(messages[receiver.user] ?? {}));
  expect(devices).toEqual(['A', 'B', 'C', 'D']);
  expect(new Set(taken(receiver).map(({ message_id: id }) => id)).size).toBe(2);
});

test('A8.7 a message to a device that a server refuses for good is left out, and all others arrive', async () => {
  const { url, process, receiver } = await scene();
  const roomId = await publicRoom(process);
  await joinFrom(process, receiver, roomId);
  receiver.answer = (transaction, response) => {
    const isPoisoned = JSON.stringify(transaction).includes('poison');
    sendJson(response, isPoisoned ? { errcode: 'M_BAD_JSON', error: 'No.' } : { pdus: {} }, isPoisoned ? 400 : 200);
  };
  // All of it is there before any of it can be sent.
  await process.sender.stop();
  await say(process, roomId, 'one', 'two');
  await send(process, receiver, { n: 1 });
  await send(process, receiver, { n: 2, text: 'poison' });
  await send(process, receiver, { n: 3 });
  await process.stop();
  const next = await startProcess(url);
  await receiver.until(() => numbers(receiver).length === 2 && receiver.texts().length === 2);
  expect(numbers(receiver)).toEqual([1, 3]);
  await expect.poll(() => waiting(next)).toBe(0);
  expect(next.alarms.length).toBe(1);
});

test('A2.3 who floods a server that is away loses their own oldest messages, and others lose none', async () => {
  const { process, receiver } = await scene();
  receiver.isUp = false;
  await send(process, receiver, { n: 0 });
  const flood = `INSERT INTO to_device_outbox (server, sender, content, position)
    SELECT $1, $2, '{"n":' || i || '}', 1 FROM generate_series(1, $3) AS i`;
  const { db } = process.parts;
  await db.query(flood, [receiver.serverName, '@mallory:localhost:1', 5_010]);
  await db.query(flood, ['elsewhere.localhost', ALICE, 20_005]);
  await send(process, receiver, { n: 1 });
  const count = 'SELECT count(*)::int AS n FROM to_device_outbox WHERE server = $1 AND sender = $2';
  const of = async (server: string, sender: string) => (await db.query<{ n: number }>(count, [server, sender]))[0]?.n;
  expect(await of(receiver.serverName, '@mallory:localhost:1')).toBe(4_998);
  // Of all that one user has waiting anywhere, the newest 20,000 stay.
  expect(await of(receiver.serverName, ALICE)).toBe(1);
  expect(await of('elsewhere.localhost', ALICE)).toBe(19_999);
});
