import { expect, test } from 'vitest';
import { profileOf } from '../../server/src/storage/profiles.ts';
import { accountServer } from '../harness/account-server.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();
const server = await accountServer(db.url);
const alice = await server.register('alice');
const bob = await server.register('bob');
const token = alice.access_token;

const path = (field = '', userId = alice.user_id) =>
  `/_matrix/client/v3/profile/${encodeURIComponent(userId)}${field === '' ? '' : `/${field}`}`;
const put = (field: string, body: unknown) => server.call('PUT', path(field), { token, body });

test('a new profile is empty; fields appear when they are set and are seen without signing in', async () => {
  expect((await server.call('GET', path())).json).toEqual({});
  expect((await server.call('GET', path('displayname'))).json.errcode).toBe('M_NOT_FOUND');
  expect((await put('displayname', { displayname: 'Alice' })).json).toEqual({});
  await put('avatar_url', { avatar_url: 'mxc://parley.test/abc' });
  await put('m.tz', { 'm.tz': 'Europe/Berlin' });
  await put('com.example.pet', { 'com.example.pet': { name: 'Rex', weight: 4.5, none: null } });
  expect((await server.call('GET', path())).json).toEqual({
    displayname: 'Alice',
    avatar_url: 'mxc://parley.test/abc',
    'm.tz': 'Europe/Berlin',
    'com.example.pet': { name: 'Rex', weight: 4.5, none: null },
  });
  expect((await server.call('GET', path('m.tz'))).json).toEqual({ 'm.tz': 'Europe/Berlin' });
});

test('member events carry display name and avatar, and are renewed when one of them changes', async () => {
  expect(await profileOf(db, alice.user_id)).toEqual({ displayname: 'Alice', avatar_url: 'mxc://parley.test/abc' });
  expect(await profileOf(db, '@nobody:parley.test')).toEqual({ displayname: undefined, avatar_url: undefined });
  server.profileChanges.length = 0;
  await put('displayname', { displayname: 'Alice' });
  await put('m.tz', { 'm.tz': 'Europe/Paris' });
  expect(server.profileChanges).toEqual([]);
  await put('displayname', { displayname: 'Alice 2' });
  expect(server.profileChanges).toEqual([alice.user_id]);
});

test('a field is deleted, also one that is not set', async () => {
  expect((await server.call('DELETE', path('com.example.pet'), { token })).json).toEqual({});
  expect((await server.call('DELETE', path('com.example.pet'), { token })).json).toEqual({});
  expect((await server.call('GET', path('com.example.pet'))).status).toBe(404);
  await put('avatar_url', { avatar_url: '' });
  expect((await server.call('GET', path('avatar_url'))).status).toBe(404);
});

test.each([
  ['a missing value', 'displayname', {}, 'M_MISSING_PARAM'],
  ['a field that is no name', 'Not-A-Field', { 'Not-A-Field': 1 }, 'M_INVALID_PARAM'],
  ['a bare custom name', 'pet', { pet: 1 }, 'M_INVALID_PARAM'],
  ['a name of more than 255 bytes', `a.${'b'.repeat(254)}`, {}, 'M_KEY_TOO_LARGE'],
  ['a display name that is no string', 'displayname', { displayname: 5 }, 'M_INVALID_PARAM'],
  ['a display name with a NUL', 'displayname', { displayname: 'a\0b' }, 'M_INVALID_PARAM'],
  ['a display name of more than 256 bytes', 'displayname', { displayname: 'é'.repeat(129) }, 'M_TOO_LARGE'],
  ['an avatar that is no mxc URI', 'avatar_url', { avatar_url: 'https://example.test/a.png' }, 'M_INVALID_PARAM'],
  ['a body that is no object', 'displayname', ['displayname'], 'M_BAD_JSON'],
])('%s is refused', async (_what, field, body, errcode) => {
  const { status, json } = await put(field, body);
  expect([status, json.errcode]).toEqual([400, errcode]);
});

test('a profile has at most 64 KiB, and what was there before stays', async () => {
  const before = (await server.call('GET', path())).json;
  const { status, json } = await put('com.example.big', { 'com.example.big': 'x'.repeat(65_536) });
  expect([status, json.errcode]).toEqual([400, 'M_PROFILE_TOO_LARGE']);
  expect((await server.call('GET', path())).json).toEqual(before);
});

test('__proto__ inside a custom field is data', async () => {
  const response = await fetch(server.baseUrl + path('com.example.odd'), {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}` },
    body: new TextEncoder().encode('{"com.example.odd":{"__proto__":{"x":1}}}'),
  });
  expect(response.status).toBe(200);
  const text = await (await fetch(server.baseUrl + path('com.example.odd'))).text();
  expect(text).toBe('{"com.example.odd":{"__proto__":{"x":1}}}');
  expect((await server.call('GET', path('constructor.name'))).status).toBe(404);
});

test('nobody changes the profile of somebody else', async () => {
  for (const method of ['PUT', 'DELETE']) {
    const { status, json } = await server.call(method, path('displayname'), {
      token: bob.access_token,
      ...(method === 'PUT' ? { body: { displayname: 'Mallory' } } : {}),
    });
    expect([status, json.errcode]).toEqual([403, 'M_FORBIDDEN']);
  }
});

test('unknown users are 404, and a user of another server is asked for there', async () => {
  expect((await server.call('GET', path('', '@nobody:parley.test'))).json.errcode).toBe('M_NOT_FOUND');
  expect((await server.call('GET', path('', '@x:elsewhere.test'))).status).toBe(502);
  expect((await server.call('GET', path('', 'nonsense'))).json.errcode).toBe('M_INVALID_PARAM');
});
