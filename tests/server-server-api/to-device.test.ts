import { expect, test } from 'vitest';
import { type Database, openDatabase } from '../../server/src/storage/database.ts';
import { atEnd } from '../harness/at-end.ts';
import { freePort } from '../harness/free-port.ts';
import { spawnHomeserver, startHomeserver, type TestHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { type PuppetServer, startPuppetServer } from '../harness/puppet-server.ts';
import { createTestDatabase } from '../harness/test-database.ts';

const alpha = await startHomeserver();
const puppet = await startPuppetServer();
const rogue = await startPuppetServer();
const sender = puppet.user('sender');
let names = 0;
let txns = 0;

interface Edu {
  readonly edu_type: string;
  readonly content: Record<string, unknown>;
}

function edu(messages: unknown, more: Record<string, unknown> = {}): Edu {
  const content = { sender, type: 'm.test', message_id: `m${txns++}`, messages, ...more };
  return { edu_type: 'm.direct_to_device', content };
}

async function deliver(edus: readonly unknown[], from: PuppetServer = puppet, server: TestHomeserver = alpha) {
  const body = { pdus: [], edus } as never;
  const answer = await from.call(server.serverName, 'PUT', `/v1/send/t${txns++}`, body);
  expect(answer.status, answer.text).toBe(200);
}

async function someone(server: TestHomeserver = alpha) {
  const person = await Person.register(server, `alice${names++}`);
  const { device_id: deviceId } = await person.ok('GET', '/account/whoami');
  return { person, messages: (content: unknown) => ({ [person.userId]: { [deviceId as string]: content } }) };
}

// biome-ignore lint/suspicious/noExplicitAny: messages of every shape
const received = async (person: Person): Promise<any[]> => (await person.ok('GET', '/sync')).to_device?.events ?? [];

test('a message of another server reaches the device it is for, and ends its long poll', async () => {
  const { person, messages } = await someone();
  const waiting = person.untilSync((answer) => answer.to_device?.events, 'the message');
  await deliver([edu(messages({ n: 1, odd: { '\0': '\ue000' } }))]);
  expect(await waiting).toEqual([{ sender, type: 'm.test', content: { n: 1, odd: { '\0': '\ue000' } } }]);
});

test('a message id counts once for each server, in whatever transaction it comes', async () => {
  const { person, messages } = await someone();
  const twice = edu(messages({ n: 1 }), { message_id: 'twice' });
  await deliver([twice, twice]);
  await deliver([twice]);
  await deliver([edu(messages({ n: 2 }), { message_id: 'twice', sender: rogue.user('sender') })], rogue);
  expect((await received(person)).map(({ content }) => content.n)).toEqual([1, 2]);
});

test('A2.1 a message in the name of another server’s user is dropped, and no other', async () => {
  const { person, messages } = await someone();
  const forged = [person.userId, rogue.user('sender'), 'nobody', 7, undefined];
  await deliver([
    ...forged.map((name) => edu(messages({ n: 'forged' }), { sender: name })),
    edu(messages({ n: 'sound' })),
  ]);
  expect(await received(person)).toEqual([{ sender, type: 'm.test', content: { n: 'sound' } }]);
});

test('malformed messages, and those for devices and users that are not here, spoil no other', async () => {
  const { person, messages } = await someone();
  const elsewhere = { [puppet.user('bob')]: { '*': {} }, [`@nobody:${alpha.serverName}`]: { '*': {} } };
  await deliver([
    edu('text'),
    edu({ [person.userId]: 'text' }),
    edu(messages('text')),
    edu(messages({ n: 'type' }), { type: 7 }),
    edu(messages({ n: 'type' }), { type: 't'.repeat(256) }),
    edu(messages({ n: 'id' }), { message_id: 7 }),
    edu(messages({ n: 'id' }), { message_id: 'm'.repeat(256) }),
    edu(messages({ n: 'large', text: 'x'.repeat(65_536) })),
    edu({ ...elsewhere, [person.userId]: { '\0': {} }, ...messages({ n: 'sound' }) }),
  ]);
  expect((await received(person)).map(({ content }) => content.n)).toEqual(['sound']);
});

test('A2.3 a server that floods a device loses its own oldest messages, and others lose none', async () => {
  const { person, messages } = await someone();
  const db: Database = openDatabase({ connection: alpha.databaseUrl, poolSize: 1 });
  atEnd(() => db.close());
  await deliver([edu(messages({ n: 'of another' }), { sender: rogue.user('sender') })], rogue);
  // As if 1,998 had come one by one.
  await db.query(
    `INSERT INTO to_device (user_id, device_id, sender, source, type, content, position)
     SELECT user_id, device_id, $2, $3, 'm.test', '{"n":"flood"}', position FROM to_device, generate_series(1, 1998)
     WHERE user_id = $1`,
    [person.userId, sender, puppet.serverName],
  );
  for (let n = 0; n < 3; n++) await deliver([edu(messages({ n }))]);
  const count = `SELECT count(*)::int AS n FROM to_device WHERE user_id = $1 AND source = $2`;
  const waiting = async (source: string) => (await db.query<{ n: number }>(count, [person.userId, source]))[0]?.n;
  expect([await waiting(puppet.serverName), await waiting(rogue.serverName)]).toEqual([1_999, 1]);
  const newest = `SELECT content FROM to_device WHERE user_id = $1 ORDER BY id DESC LIMIT 3`;
  expect(await db.query(newest, [person.userId])).toEqual(
    ['{"n":2}', '{"n":1}', '{"n":0}'].map((content) => ({ content })),
  );
});

test('A2.3 of the message ids of a server the last thousand are remembered', async () => {
  const { messages } = await someone();
  const db = openDatabase({ connection: alpha.databaseUrl, poolSize: 1 });
  atEnd(() => db.close());
  await db.query(
    `INSERT INTO received_to_device (server, message_id_hash)
     SELECT $1, sha256(convert_to('old' || i, 'UTF8')) FROM generate_series(1, 1500) AS i`,
    [puppet.serverName],
  );
  await deliver([edu(messages({ n: 1 }))]);
  const count = 'SELECT count(*)::int AS n FROM received_to_device WHERE server = $1';
  expect(await db.query(count, [puppet.serverName])).toEqual([{ n: 1_000 }]);
});

test('a transaction that was answered survives a kill of the server, and its repeat changes nothing', async () => {
  const { url: databaseUrl } = await createTestDatabase();
  const federationPort = await freePort();
  const first = await spawnHomeserver({ databaseUrl, federationPort });
  const { person, messages } = await someone(first);
  const message = edu(messages({ n: 1 }), { message_id: 'kept' });
  await deliver([message], puppet, first);
  await first.kill('SIGKILL');
  const second = await startHomeserver({ databaseUrl, federationPort });
  await deliver([message], puppet, second);
  expect((await received(person.at(second))).map(({ content }) => content.n)).toEqual([1]);
});
