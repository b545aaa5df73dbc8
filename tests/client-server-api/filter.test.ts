import { expect, test } from 'vitest';
import type { UserId } from '../../server/src/protocol/event.ts';
import { createFilters } from '../../server/src/users/filters.ts';
import { accountServer } from '../harness/account-server.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();
const server = await accountServer(db.url);
const alice = await server.register('alice');
const bob = await server.register('bob');
const path = `/_matrix/client/v3/user/${alice.user_id}/filter`;
const define = (body: unknown, token = alice.access_token) => server.call('POST', path, { token, body });
const FILTER = { room: { timeline: { limit: 10, types: ['m.room.message'] } }, 'org.example.more': 0.5 };

test('a filter gets an id, under which its owner reads it back as it was', async () => {
  const { json } = await define(FILTER);
  expect(json).toEqual({ filter_id: expect.stringMatching(/^[^{]/) });
  expect((await server.call('GET', `${path}/${json.filter_id}`, { token: alice.access_token })).json).toEqual(FILTER);
});

test('the same definition has the same id, another one another', async () => {
  const ids = await Promise.all([FILTER, FILTER, {}, { event_fields: ['type'] }].map((filter) => define(filter)));
  const [one, two, three, four] = ids.map((answer) => answer.json.filter_id);
  expect(one).toBe(two);
  expect(new Set([one, three, four]).size).toBe(3);
});

test('a filter is found ready for use', async () => {
  const { json } = await define(FILTER);
  const filters = createFilters(db);
  const filter = await filters.find(alice.user_id as UserId, json.filter_id);
  expect(filter?.room.timeline.limit).toBe(10);
  expect(await filters.find(alice.user_id as UserId, json.filter_id)).toBe(filter);
  expect(await filters.find(bob.user_id as UserId, json.filter_id)).toBeUndefined();
  for (const id of ['999', 'nonsense', '-1', '1e3', '', '9'.repeat(30)])
    expect(await filters.find(alice.user_id as UserId, id)).toBeUndefined();
});

test('filters of others, unknown ids and what is no filter are refused', async () => {
  expect((await define({}, bob.access_token)).json.errcode).toBe('M_FORBIDDEN');
  expect((await server.call('GET', `${path}/0`, { token: bob.access_token })).json.errcode).toBe('M_FORBIDDEN');
  expect((await server.call('GET', `${path}/999`, { token: alice.access_token })).json.errcode).toBe('M_NOT_FOUND');
  for (const body of [[], { room: [] }, { room: { timeline: { limit: 'ten' } } }, { event_fields: 'type' }]) {
    const { status, json } = await define(body);
    expect([status, json.errcode]).toEqual([400, 'M_BAD_JSON']);
  }
  expect((await define({ x: 'x'.repeat(65_536) })).status).toBe(413);
});

test('a user has at most 1,000 filters of at most 64 KiB; one that is there already still gets its id', async () => {
  const carol = await server.register('carol');
  const own = `/_matrix/client/v3/user/${carol.user_id}/filter`;
  const put = (body: unknown) => server.call('POST', own, { token: carol.access_token, body });
  const { json: known } = await put(FILTER);
  await db.query(
    `INSERT INTO filters (user_id, filter_id, filter_hash, filter)
     SELECT $1, n, decode(lpad(to_hex(n), 64, '0'), 'hex'), '{}' FROM generate_series(1, 999) AS n`,
    [carol.user_id],
  );
  const refused = await put({ room: { timeline: { limit: 11 } } });
  expect([refused.status, refused.json.errcode]).toEqual([403, 'M_FORBIDDEN']);
  expect((await put(FILTER)).json).toEqual(known);
  const large = await define({ 'org.example.padding': 'x'.repeat(65_536) });
  expect([large.status, large.json.errcode]).toEqual([413, 'M_TOO_LARGE']);
});
