import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { inviteUser } from '../../server/src/rooms/invite.ts';
import { ban, kick } from '../../server/src/rooms/membership.ts';
import { sendReceipt } from '../../server/src/rooms/receipts.ts';
import { sendJson } from '../federation/federation-scene.ts';
import { createTestDatabase } from '../harness/test-database.ts';
import { ALICE, joinFrom, publicRoom, receiveFrom, say, startProcess, startReceiver } from './sender-scene.ts';

const sender = { userId: ALICE, deviceId: 'A' };
const numbers = (count: number) => Array.from({ length: count }, (_, i) => String(i));

async function scene(receivers = 1) {
  const { url } = await createTestDatabase();
  const process = await startProcess(url);
  const roomId = await publicRoom(process);
  const others = await Promise.all(Array.from({ length: receivers }, startReceiver));
  for (const other of others) await joinFrom(process, other, roomId);
  const [first] = others;
  if (first === undefined) throw new Error('one receiver at least');
  return { url, process, roomId, receiver: first, receivers: others };
}

test('messages reach every server in the room, once and in order', async () => {
  const { process, roomId, receivers } = await scene(3);
  const outside = await startReceiver();
  await say(process, roomId, ...numbers(20));
  for (const receiver of receivers) {
    await receiver.until(({ texts }) => texts().length === 20);
    expect(receiver.texts()).toEqual(numbers(20));
  }
  expect(outside.seen).toEqual([]);
});

test('what others have sent is not sent on', async () => {
  const { process, roomId, receivers } = await scene(2);
  const [first, second] = receivers;
  if (first === undefined || second === undefined) throw new Error('two receivers');
  await receiveFrom(process, first, roomId, { type: 'm.room.message', content: { body: 'from elsewhere' } });
  await say(process, roomId, 'ours');
  await second.until(({ texts }) => texts().length === 1);
  expect(second.texts()).toEqual(['ours']);
});

test('a server that was away gets what it missed in transactions of up to 50 events', async () => {
  const { process, roomId, receiver } = await scene();
  receiver.isUp = false;
  await say(process, roomId, ...numbers(120));
  receiver.isUp = true;
  await process.federation.backoff.heardFrom(receiver.serverName);
  await receiver.until(({ texts }) => texts().length === 120);
  expect(receiver.texts()).toEqual(numbers(120));
  expect(receiver.taken.every(({ pdus }) => pdus.length <= 50)).toBe(true);
  expect(receiver.taken.length).toBeLessThanOrEqual(4);
});

test('an outage ends for the queue the moment the server is heard from', async () => {
  const { process, roomId, receiver } = await scene();
  receiver.isUp = false;
  await say(process, roomId, 'one');
  // A long outage: without hearing from the server it would be left alone for an hour.
  const now = Date.now();
  await process.parts.db.query(
    `INSERT INTO destinations (server_name, failing_since, retry_at) VALUES ($1, $2, $3)
     ON CONFLICT (server_name) DO UPDATE SET failing_since = $2, retry_at = $3`,
    [receiver.serverName, now - 1e9, now + 3_600_000],
  );
  receiver.isUp = true;
  await process.federation.backoff.heardFrom(receiver.serverName);
  await receiver.until(({ texts }) => texts().length === 1);
});

test('a transaction that broke off is repeated with the same id and the same events', async () => {
  const { process, roomId, receiver } = await scene();
  receiver.answer = (_transaction, _response, request) => request.socket.destroy();
  await say(process, roomId, 'one');
  await receiver.until(({ seen }) => seen.length === 1);
  await say(process, roomId, 'two');
  receiver.answer = undefined;
  await receiver.until(({ texts }) => texts().length === 2);
  const [broken, repeated, next] = receiver.seen;
  expect(repeated).toEqual(broken);
  expect(next?.txnId).not.toBe(broken?.txnId);
  expect(receiver.texts()).toEqual(['one', 'two']);
});

test('after a restart the delivery goes on where it stopped, with the transaction that was under way', async () => {
  const { url, process, roomId, receiver } = await scene();
  await say(process, roomId, 'before');
  await receiver.until(({ texts }) => texts().length === 1);
  receiver.answer = () => {};
  await say(process, roomId, 'under way');
  await receiver.until(({ seen }) => seen.length === 2);
  await say(process, roomId, 'later');
  await process.stop();
  receiver.answer = undefined;
  await startProcess(url);
  await receiver.until(({ texts }) => texts().length === 3);
  expect(receiver.texts()).toEqual(['before', 'under way', 'later']);
  expect(receiver.seen[2]).toEqual(receiver.seen[1]);
});

test.each([
  ['kicked', kick],
  ['banned', ban],
] as const)('a server whose last member is %s gets that event and nothing after it', async (_title, remove) => {
  const { process, roomId, receivers } = await scene(2);
  const [removed, other] = receivers;
  if (removed === undefined || other === undefined) throw new Error('two receivers');
  removed.isUp = false;
  await say(process, roomId, 'last');
  await remove(process.parts, sender, roomId, { userId: removed.user });
  await say(process, roomId, 'secret');
  await other.until(({ texts }) => texts().length === 2);
  removed.isUp = true;
  await process.federation.backoff.heardFrom(removed.serverName);
  await removed.until(({ taken }) => taken.some(({ pdus }) => pdus.some((pdu) => pdu.type === 'm.room.member')));
  await say(process, roomId, 'more');
  await other.until(({ texts }) => texts().length === 3);
  expect(removed.texts()).toEqual(['last']);
});

test('a server whose user was invited is told when the invite is taken back, and nothing else', async () => {
  const { url } = await createTestDatabase();
  const process = await startProcess(url);
  const roomId = await publicRoom(process);
  const receiver = await startReceiver();
  await inviteUser(process.parts, sender, roomId, { userId: receiver.user });
  await say(process, roomId, 'secret');
  await kick(process.parts, sender, roomId, { userId: receiver.user });
  await receiver.until(({ taken }) => taken.length === 1);
  await say(process, roomId, 'more');
  expect(receiver.taken.flatMap(({ pdus }) => pdus)).toEqual([
    expect.objectContaining({ type: 'm.room.member', state_key: receiver.user, sender: ALICE }),
  ]);
  expect(receiver.seen.length).toBe(1);
});

test('a server that comes back gets what is said from then on', async () => {
  const { process, roomId, receiver } = await scene();
  await kick(process.parts, sender, roomId, { userId: receiver.user });
  await receiver.until(({ taken }) => taken.length === 1);
  await say(process, roomId, 'unheard');
  await joinFrom(process, receiver, roomId);
  await say(process, roomId, 'heard');
  await receiver.until(({ texts }) => texts().length === 1);
  expect(receiver.texts()).toEqual(['heard']);
});

test('hung servers do not delay the others', async () => {
  const { process, roomId, receivers } = await scene(12);
  const hung = receivers.slice(0, 10);
  const healthy = receivers.slice(10);
  for (const receiver of hung) receiver.answer = () => {};
  await say(process, roomId, 'first');
  await Promise.all(hung.map((receiver) => receiver.until(({ seen }) => seen.length === 1)));
  await say(process, roomId, ...numbers(10));
  for (const receiver of healthy) await receiver.until(({ texts }) => texts().length === 11);
  // A hung transaction is given up after a minute, and tried again: that was not waited for.
  for (const receiver of hung) expect(receiver.seen).toHaveLength(1);
});

test('hundreds of dead servers do not delay the one that works', async () => {
  const { process, roomId, receiver } = await scene();
  const timeOf = async (texts: string[]) => {
    const before = receiver.texts().length;
    const started = performance.now();
    await say(process, roomId, ...texts);
    await receiver.until((now) => now.texts().length === before + texts.length);
    return performance.now() - started;
  };
  const alone = await timeOf(numbers(10));
  await process.parts.db.query(
    `INSERT INTO room_servers (room_nid, server, joined_members, since_position)
     SELECT nid, 'dead' || i || '.localhost:9', 1, 0 FROM rooms, generate_series(1, 300) AS i WHERE room_id = $1`,
    [roomId],
  );
  await say(process, roomId, 'first');
  const failing = `SELECT count(*)::int AS n FROM destinations WHERE failing_since IS NOT NULL`;
  while ((await process.parts.db.query<{ n: number }>(failing))[0]?.n !== 300) await delay(100);
  await receiver.until(({ texts }) => texts().length === 11);
  // Generous, because the machine does other things as well; without care for dead servers it is tens of seconds.
  expect(await timeOf(numbers(10))).toBeLessThan(5 * alone + 5_000);
});

test('A8.7 an event that a server refuses for good is left out with an alarm, and all others arrive', async () => {
  const { process, roomId, receiver } = await scene();
  receiver.answer = ({ pdus }, response) => {
    const isPoisoned = pdus.some((pdu) => JSON.stringify(pdu).includes('poison'));
    sendJson(response, isPoisoned ? { errcode: 'M_BAD_JSON', error: 'No.' } : { pdus: {} }, isPoisoned ? 400 : 200);
  };
  receiver.isUp = false;
  const sent = await say(process, roomId, 'one', 'two', 'poison', 'three');
  receiver.isUp = true;
  await process.federation.backoff.heardFrom(receiver.serverName);
  await receiver.until(({ texts }) => texts().length === 3);
  expect(receiver.texts()).toEqual(['one', 'two', 'three']);
  expect(process.alarms).toContainEqual(
    expect.objectContaining({ eventId: sent[2], destination: receiver.serverName }),
  );
  await say(process, roomId, 'four');
  await receiver.until(({ texts }) => texts().length === 4);
});

test('A8.7 a server that refuses everything loses nothing', async () => {
  const { process, roomId, receiver } = await scene();
  receiver.answer = (_transaction, response) => sendJson(response, { errcode: 'M_UNKNOWN' }, 500);
  await say(process, roomId, 'one');
  // The event three times, and the empty transaction that shows that it is not the event.
  await receiver.until(({ seen }) => seen.some(({ pdus }) => pdus.length === 0));
  receiver.answer = undefined;
  await receiver.until(({ texts }) => texts().length === 1);
  expect(process.alarms).toEqual([]);
});

test('A2.3 a server that is overrun is left alone for as long as it asks', async () => {
  const { process, roomId, receiver } = await scene();
  const times: number[] = [];
  receiver.answer = (_transaction, response) => {
    times.push(performance.now());
    if (times.length > 1) return sendJson(response, { pdus: {} });
    sendJson(response, { errcode: 'M_LIMIT_EXCEEDED', retry_after_ms: 1_500 }, 429);
  };
  await say(process, roomId, 'one');
  await receiver.until(({ texts }) => texts().length === 1);
  expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(1_450);
});

test('A1.5 an event that is not canonical JSON never leaves, whatever got it into the database', async () => {
  const { url, process, roomId, receiver } = await scene();
  await process.sender.stop();
  const [bad] = await say(process, roomId, 'bad', 'good');
  await process.parts.db.query(
    `UPDATE events SET pdu = replace(pdu, '"depth":', '"depth":0.5,"x":') WHERE event_id = $1`,
    [bad],
  );
  await process.stop();
  const next = await startProcess(url);
  await receiver.until(({ texts }) => texts().length === 1);
  expect(receiver.texts()).toEqual(['good']);
  expect(next.alarms).toContainEqual(expect.objectContaining({ eventId: bad }));
});

test('two processes share the work: each transaction comes from one of them, and one goes on when the other ends', async () => {
  const { url, process, roomId, receivers } = await scene(6);
  const second = await startProcess(url);
  await say(second, roomId, ...numbers(5));
  for (const receiver of receivers) await receiver.until(({ texts }) => texts().length === 5);
  await process.stop();
  await say(second, roomId, 'after');
  for (const receiver of receivers) {
    await receiver.until(({ texts }) => texts().length === 6);
    expect(receiver.texts()).toEqual([...numbers(5), 'after']);
    expect(new Set(receiver.seen.map(({ txnId }) => txnId)).size).toBe(receiver.seen.length);
  }
});

test('a process that loses its locks takes them again', async () => {
  const { process, roomId, receiver } = await scene();
  await process.parts.db.query(
    `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 7265391 AND objid = 0`,
  );
  await say(process, roomId, 'after');
  await receiver.until(({ texts }) => texts().length === 1);
});

test('a process that loses its locks while there is more to send leaves it to whoever has them, and goes on with all else', async () => {
  const { process, roomId, receiver } = await scene();
  let answer = () => {};
  receiver.answer = (_transaction, response) => {
    answer = () => sendJson(response, { pdus: {} });
  };
  await say(process, roomId, 'under way');
  await receiver.until(({ seen }) => seen.length === 1);
  await say(process, roomId, 'more');
  // Whoever takes the locks has waited for them, so that the process does not get them back.
  const thief = await process.parts.db.connect(() => {});
  onTestFinished(() => thief.close());
  await thief.query(
    `WITH ended AS MATERIALIZED (SELECT count(pg_terminate_backend(pid)) AS n FROM
       (SELECT DISTINCT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 7265391
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS holders)
     SELECT pg_advisory_lock(7265391, shard) FROM generate_series(0, 63 + 0 * (SELECT n FROM ended)::int) AS shard`,
  );
  answer();
  await receiver.until(({ taken }) => taken.length === 1);
  await say(process, roomId, 'unsent');
  await thief.close();
  receiver.answer = undefined;
  await receiver.until(({ texts }) => texts().length === 3);
});

test('read receipts are sent, those of a thread apart, private ones not', async () => {
  const { process, roomId, receiver } = await scene();
  const [eventId = '$none'] = await say(process, roomId, 'one');
  await receiver.until(({ texts }) => texts().length === 1);
  const read = (type: string, threadId?: string) =>
    sendReceipt(process.parts, sender, roomId, { type, eventId, threadId }, async () => {});
  await read('m.read.private');
  await read('m.read');
  await read('m.read', 'main');
  await receiver.until(({ edus }) => edus('m.receipt').length === 2);
  const receipt = (data: object) => ({ [roomId]: { 'm.read': { [ALICE]: { data, event_ids: [eventId] } } } });
  expect(receiver.edus('m.receipt')).toEqual([
    receipt({ ts: expect.any(Number) }),
    receipt({ ts: expect.any(Number), thread_id: 'main' }),
  ]);
});

test('receipts that came while a server was away or while no process ran are sent afterwards', async () => {
  const { url, process, roomId, receiver } = await scene();
  const [eventId = '$none'] = await say(process, roomId, 'one');
  await receiver.until(({ texts }) => texts().length === 1);
  await process.sender.stop();
  await sendReceipt(process.parts, sender, roomId, { type: 'm.read', eventId, threadId: undefined }, async () => {});
  await process.stop();
  const next = await startProcess(url);
  await say(next, roomId, 'two');
  await receiver.until(({ edus, texts }) => edus('m.receipt').length === 1 && texts().length === 2);
});

test('typing is told as it happens, and dropped where it cannot be told', async () => {
  const { process, roomId, receivers } = await scene(2);
  const [here, away] = receivers;
  if (here === undefined || away === undefined) throw new Error('two receivers');
  away.isUp = false;
  await say(process, roomId, 'one');
  await here.until(({ texts }) => texts().length === 1);
  while ((await process.federation.backoff.outage(away.serverName)) === undefined) await delay(20);
  const room = await process.parts.rooms.byId(roomId);
  await process.typing.set(room?.nid ?? 0, ALICE, 30_000);
  await here.until(({ edus }) => edus('m.typing').length === 1);
  await process.typing.set(room?.nid ?? 0, ALICE, 0);
  await here.until(({ edus }) => edus('m.typing').length === 2);
  expect(here.edus('m.typing')).toEqual([
    { room_id: roomId, user_id: ALICE, typing: true },
    { room_id: roomId, user_id: ALICE, typing: false },
  ]);
  away.isUp = true;
  await process.federation.backoff.heardFrom(away.serverName);
  await away.until(({ texts }) => texts().length === 1);
  expect(away.edus('m.typing')).toEqual([]);
});

test('a room of our own users alone sends nothing, until somebody joins from elsewhere', async () => {
  const { url } = await createTestDatabase();
  const process = await startProcess(url);
  const roomId = await publicRoom(process);
  await say(process, roomId, 'alone');
  const receiver = await startReceiver();
  await joinFrom(process, receiver, roomId);
  await say(process, roomId, 'together');
  await receiver.until(({ texts }) => texts().length === 1);
  expect(receiver.texts()).toEqual(['together']);
});
