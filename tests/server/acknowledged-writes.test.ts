import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase } from '../../server/src/storage/database.ts';
import { type ClientAnswer, clientOf, enc, registerClient, type TestClient } from '../harness/client.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { recordingLogger } from '../harness/recording-logger.ts';

/** Rows that say nothing by themselves, or that nobody is promised. */
const UNIMPORTANT = ['state_keys', 'rate_limits', 'media_budgets', 'migrations', 'uia_sessions'];

const server = await startHomeserver({ logger: recordingLogger().logger });
const database = openDatabase({ connection: server.databaseUrl, poolSize: 1 });
afterAll(() => database.close());

const PASSWORD = 'a good one';
let ana: TestClient;
/** A member of the room. */
let ben: TestClient;
/** In no room. */
let cleo: TestClient;
/** Banned from the room. */
let dan: TestClient;
/** Has left the room. */
let eve: TestClient;
let roomId: string;
let knockable: string;
let eventId: string;
let mediaId: string;
let refreshToken: string;

beforeAll(async () => {
  const register = (name: string) => registerClient(server.baseUrl, name);
  [ana, ben, cleo, dan, eve] = await Promise.all([
    register('ana'),
    register('ben'),
    register('cleo'),
    register('dan'),
    register('eve'),
  ]);
  roomId = await ana.createRoom({ preset: 'public_chat' });
  knockable = await ana.createRoom({ initial_state: [{ type: 'm.room.join_rules', content: { join_rule: 'knock' } }] });
  await ben.join(roomId);
  await eve.join(roomId);
  await eve.ok('POST', here('leave'), {});
  await ana.ok('POST', here('ban'), { user_id: dan.userId });
  eventId = await ana.say(roomId, 'hello');
  const created = await (await fetch(`${server.baseUrl}/_matrix/media/v1/create`, asAna('POST'))).json();
  mediaId = (created as { content_uri: string }).content_uri.split('/').at(-1) ?? '';
  refreshToken = (await ana.ok('POST', 'v3/login', { ...login(ana), refresh_token: true })).refresh_token;
  // Whatever a transaction has done, its commit fails while there is a row in `faults`.
  await database.query('CREATE TABLE faults (since timestamptz)');
  await database.query(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (SELECT FROM faults) THEN RAISE 'the commit fails'; END IF; RETURN NULL; END $$`);
  const tables = await database.query<{ name: string }>(
    `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL ($1)`,
    [['faults', ...UNIMPORTANT]],
  );
  for (const { name } of tables)
    await database.query(`CREATE CONSTRAINT TRIGGER fail AFTER INSERT OR UPDATE OR DELETE ON ${name}
      DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail()`);
});

const here = (suffix: string) => `v3/rooms/${enc(roomId)}/${suffix}`;
const mine = (suffix: string) => `v3/user/${enc(ana.userId)}/${suffix}`;
const login = ({ userId }: TestClient) => ({
  type: 'm.login.password',
  identifier: { type: 'm.id.user', user: userId },
  password: PASSWORD,
});
const asAna = (method: string, body?: string) => ({
  method,
  headers: { authorization: `Bearer ${ana.accessToken}`, 'content-type': 'text/plain' },
  ...(body === undefined ? {} : { body }),
});

async function media(method: string, path: string, body?: string): Promise<Pick<ClientAnswer, 'status'>> {
  return await fetch(`${server.baseUrl}/_matrix/media/${path}`, asAna(method, body));
}

type Request = () => Promise<Pick<ClientAnswer, 'status'>>;

/** Each is one whose answer promises something; those that end sessions and accounts come last. */
const requests: Record<string, Request> = {
  'a new account': () =>
    ana.request('POST', 'v3/register', { username: 'finn', password: PASSWORD, auth: { type: 'm.login.dummy' } }),
  'a new session': () => ana.request('POST', 'v3/login', login(ana)),
  'new tokens': () => ana.request('POST', 'v3/refresh', { refresh_token: refreshToken }),
  'the name of a device': () => ana.request('PUT', `v3/devices/${ana.deviceId}`, { display_name: 'desk' }),
  'a display name': () => ana.request('PUT', `v3/profile/${enc(ana.userId)}/displayname`, { displayname: 'Ana' }),
  'no display name': () => ana.request('DELETE', `v3/profile/${enc(ana.userId)}/displayname`),
  'a filter': () => ana.request('POST', mine('filter'), { room: { timeline: { limit: 7 } } }),
  'account data': () => ana.request('PUT', mine('account_data/org.example.x'), { a: 1 }),
  'account data of a room': () => ana.request('PUT', mine(`rooms/${enc(roomId)}/account_data/org.example.x`), { a: 1 }),
  'a tag': () => ana.request('PUT', mine(`rooms/${enc(roomId)}/tags/u.x`), { order: 0.5 }),
  'no tag': () => ana.request('DELETE', mine(`rooms/${enc(roomId)}/tags/u.x`)),
  'a push rule': () => ana.request('PUT', 'v3/pushrules/global/content/x', { actions: [], pattern: 'x' }),
  'a push rule that is off': () => ana.request('PUT', 'v3/pushrules/global/content/x/enabled', { enabled: false }),
  'actions of a push rule': () => ana.request('PUT', 'v3/pushrules/global/content/x/actions', { actions: ['notify'] }),
  'no push rule': () => ana.request('DELETE', 'v3/pushrules/global/content/x'),
  'a receipt': () => ben.request('POST', here(`receipt/m.read/${enc(eventId)}`), {}),
  'a private receipt': () => ben.request('POST', here(`receipt/m.read.private/${enc(eventId)}`), {}),
  'read markers': () => ana.request('POST', here('read_markers'), { 'm.fully_read': eventId, 'm.read': eventId }),
  'a proof of identity': () => ana.request('POST', mine('openid/request_token'), {}),
  'a message to a device': () =>
    ana.request('PUT', 'v3/sendToDevice/org.example.x/1', { messages: { [ben.userId]: { '*': { a: 1 } } } }),
  'a file': () => media('POST', 'v3/upload', 'a file'),
  'a place for a file': () => media('POST', 'v1/create'),
  'a file in its place': () => media('PUT', `v3/upload/${server.serverName}/${mediaId}`, 'another file'),
  'a room': () => ana.request('POST', 'v3/createRoom', { name: 'new', room_alias_name: 'new', visibility: 'public' }),
  'an alias': () => ana.request('PUT', `v3/directory/room/${enc(`#a:${server.serverName}`)}`, { room_id: roomId }),
  'no alias': () => ana.request('DELETE', `v3/directory/room/${enc(`#a:${server.serverName}`)}`),
  'a place in the directory': () =>
    ana.request('PUT', `v3/directory/list/room/${enc(roomId)}`, { visibility: 'public' }),
  'a message': () => ana.request('PUT', here('send/m.room.message/1'), { msgtype: 'm.text', body: 'one' }),
  state: () => ana.request('PUT', here('state/m.room.topic/'), { topic: 'commits' }),
  'a redaction': () => ana.request('PUT', here(`redact/${enc(eventId)}/1`), {}),
  'a join': () => cleo.request('POST', here('join'), {}),
  'a knock': () => cleo.request('POST', `v3/knock/${enc(knockable)}`, {}),
  'an invite': () => ana.request('POST', `v3/rooms/${enc(knockable)}/invite`, { user_id: ben.userId }),
  'a kick': () => ana.request('POST', here('kick'), { user_id: cleo.userId }),
  'a ban': () => ana.request('POST', here('ban'), { user_id: cleo.userId }),
  'an end of a ban': () => ana.request('POST', here('unban'), { user_id: dan.userId }),
  'a leave': () => ben.request('POST', here('leave'), {}),
  'a forgotten room': () => eve.request('POST', here('forget'), {}),
  'no device': async () => {
    const { device_id: deviceId } = (await dan.request('POST', 'v3/login', login(dan))).body;
    return await dan.request('DELETE', `v3/devices/${deviceId ?? dan.deviceId}`, { auth: login(dan) });
  },
  'a password': () =>
    cleo.request('POST', 'v3/account/password', { new_password: 'another good one', auth: login(cleo) }),
  'a closed account': () => eve.request('POST', 'v3/account/deactivate', { auth: login(eve) }),
  'a logout': () => ben.request('POST', 'v3/logout'),
  'a logout of all': () => clientOf(server.baseUrl, ana).request('POST', 'v3/logout/all'),
};

test('a room whose making breaks off leaves nothing behind, not even a row that nobody can see', async () => {
  const count = 'SELECT count(*)::int AS rooms FROM rooms';
  const before = await database.query(count);
  // As if the process had been killed before it could clean up.
  await database.query(`CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`);
  await database.query('CREATE TRIGGER keep BEFORE DELETE ON rooms FOR EACH ROW EXECUTE FUNCTION keep()');
  await database.query('ALTER TABLE rooms DISABLE TRIGGER fail');
  await database.query('INSERT INTO faults VALUES (now())');
  const refused = await ana.request('POST', 'v3/createRoom', {});
  await database.query('DELETE FROM faults');
  await database.query('ALTER TABLE rooms ENABLE TRIGGER fail');
  await database.query('DROP TRIGGER keep ON rooms');
  expect(refused.status).toBe(500);
  expect(await database.query(count)).toEqual(before);
});

describe('what cannot be committed is not acknowledged:', () => {
  test.each(Object.entries(requests))('%s', async (_, request) => {
    await database.query('INSERT INTO faults VALUES (now())');
    const refused = await request();
    await database.query('DELETE FROM faults');
    expect(refused.status).toBeGreaterThanOrEqual(500);
    // Nothing of the first attempt is left that the second could stumble over.
    expect((await request()).status).toBe(200);
  });
});
