import { afterAll, expect, test } from 'vitest';
import { openDatabase } from '../../server/src/storage/database.ts';
import { clientOf, enc, registerClient, type TestClient } from '../harness/client.ts';
import { startHomeserver } from '../harness/homeserver.ts';

const one = await startHomeserver();
const two = await startHomeserver({
  databaseUrl: one.databaseUrl,
  federationPort: 0,
  settings: { server_name: one.serverName },
});
const db = openDatabase({ connection: one.databaseUrl, poolSize: 1 });
afterAll(() => db.close());

let people = 0;

/** Somebody with a room who has just sent a message through the first process, which so knows the session and the room's end. */
async function personWithRoom(): Promise<{ person: TestClient; room: string }> {
  const person = await registerClient(one.baseUrl, `person${people++}`);
  const room = await person.createRoom({ preset: 'public_chat' });
  await person.say(room, 'before');
  return { person, room };
}

async function messagesIn(room: string): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    `SELECT count(*)::int FROM events WHERE type = 'm.room.message' AND room_nid = (SELECT nid FROM rooms WHERE room_id = $1)`,
    [room],
  );
  return row?.count ?? 0;
}

const say = (person: TestClient, room: string, content: object = { msgtype: 'm.text', body: 'after' }) =>
  person.request('PUT', `v3/rooms/${enc(room)}/send/m.room.message/${Math.random()}`, content);

const logOut = (person: TestClient) => clientOf(two.baseUrl, person).ok('POST', 'v3/logout');

test('a session that has ended in another process sends nothing more, though this one remembers it', async () => {
  for (let round = 0; round < 5; round++) {
    const { person, room } = await personWithRoom();
    await logOut(person);
    expect(await say(person, room)).toMatchObject({ status: 401, body: { errcode: 'M_UNKNOWN_TOKEN' } });
    expect(await messagesIn(room)).toBe(1);
  }
});

test('nor does it where the room has gone on in the other process, so that it must be looked at anew', async () => {
  const { person, room } = await personWithRoom();
  const other = await registerClient(two.baseUrl, `person${people++}`);
  await other.join(room);
  await other.say(room, 'meanwhile');
  await logOut(person);
  expect((await say(person, room)).status).toBe(401);
  expect(await messagesIn(room)).toBe(2);
});

test('a message of an ended session spoils none of those that are sent with it', async () => {
  const [gone, staying] = [await personWithRoom(), await personWithRoom()];
  await staying.person.join(gone.room);
  await logOut(gone.person);
  const requests = Array.from({ length: 30 }, (_, n) => {
    const { person } = n % 3 === 0 ? gone : staying;
    return say(person, n % 2 === 0 ? gone.room : staying.room).then(({ status }) => ({ status, person }));
  });
  for (const { status, person } of await Promise.all(requests)) expect(status).toBe(person === gone.person ? 401 : 200);
  expect((await messagesIn(gone.room)) + (await messagesIn(staying.room))).toBe(22);
});

test('an ended session is told nothing but that, whatever else is wrong with its request', async () => {
  const { person, room } = await personWithRoom();
  await person.ok('POST', `v3/rooms/${enc(room)}/leave`, {});
  expect((await say(person, room)).status).toBe(403);
  await logOut(person);
  expect((await say(person, room)).status).toBe(401);
  const again = await personWithRoom();
  await logOut(again.person);
  expect((await say(again.person, again.room, { body: 1.5 })).status).toBe(401);
});

test('a repeated request of an ended session is not answered with what the first one led to', async () => {
  const { person, room } = await personWithRoom();
  const path = `v3/rooms/${enc(room)}/send/m.room.message/same`;
  expect((await person.request('PUT', path, { msgtype: 'm.text', body: 'once' })).status).toBe(200);
  await logOut(person);
  expect((await person.request('PUT', path, { msgtype: 'm.text', body: 'once' })).status).toBe(401);
});

test('a locked account sends nothing, though its session is remembered', async () => {
  const { person, room } = await personWithRoom();
  await db.query('UPDATE accounts SET is_locked = true WHERE user_id = $1', [person.userId]);
  expect(await say(person, room)).toMatchObject({ status: 401, body: { errcode: 'M_USER_LOCKED', soft_logout: true } });
  await db.query('UPDATE accounts SET is_locked = false WHERE user_id = $1', [person.userId]);
  expect((await say(person, room)).status).toBe(200);
  expect(await messagesIn(room)).toBe(2);
});
