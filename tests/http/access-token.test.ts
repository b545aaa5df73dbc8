import { expect, test } from 'vitest';
import { routeServer } from '../harness/route-server.ts';

const { call, logged } = await routeServer();

const me = (headers: Record<string, string>, query = '') => call('GET', `/_matrix/client/v3/me${query}`, { headers });

test('no token is M_MISSING_TOKEN, a wrong one M_UNKNOWN_TOKEN', async () => {
  const missing = await me({});
  expect([missing.status, missing.json.errcode]).toEqual([401, 'M_MISSING_TOKEN']);
  expect((await me({ authorization: 'Basic good' })).json.errcode).toBe('M_MISSING_TOKEN');
  const wrong = await me({ authorization: 'Bearer bad' });
  expect([wrong.status, wrong.json]).toEqual([
    401,
    expect.objectContaining({ errcode: 'M_UNKNOWN_TOKEN', soft_logout: false }),
  ]);
});

test('A7.9 a token in the query string works and is in no log', async () => {
  logged.length = 0;
  expect((await me({}, '?access_token=good')).json).toEqual({ user_id: '@a:x' });
  expect((await me({ authorization: 'Bearer good' }, '?access_token=bad')).status).toBe(200);
  await call('GET', '/_matrix/client/v3/unknown?access_token=good');
  expect(logged.length).toBeGreaterThan(0);
  expect(JSON.stringify(logged)).not.toMatch(/access_token|good/);
  expect(logged).toContainEqual(
    expect.objectContaining({ route: '/_matrix/client/v3/me', userId: '@a:x', status: 200 }),
  );
});

test('a guest may only call what is open to guests', async () => {
  const { status, json } = await me({ authorization: 'Bearer guest' });
  expect([status, json.errcode]).toEqual([403, 'M_GUEST_ACCESS_FORBIDDEN']);
});
