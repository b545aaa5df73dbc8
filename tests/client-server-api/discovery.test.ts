import { expect, test } from 'vitest';
import { accountServer } from '../harness/account-server.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();
const server = await accountServer(db.url);

test('the versions are told to everybody, also with a token that has ended', async () => {
  const { status, json } = await server.call('GET', '/_matrix/client/versions', { token: 'ended' });
  expect(status).toBe(200);
  expect(json.versions).toEqual(expect.arrayContaining(['v1.1', 'v1.11', 'v1.19']));
  expect(json.unstable_features).toEqual({});
});

test('what is published under /.well-known is what is configured, for pages of every origin', async () => {
  const client = await server.call('GET', '/.well-known/matrix/client');
  expect(client.json).toEqual({ 'm.homeserver': { base_url: 'https://client.parley.test' } });
  expect(client.headers.get('access-control-allow-origin')).toBe('*');
  expect(client.headers.get('content-type')).toMatch(/^application\/json/);
  expect((await server.call('GET', '/.well-known/matrix/support')).json).toEqual({
    support_page: 'https://parley.test/help',
  });
  const unset = await server.call('GET', '/.well-known/matrix/server');
  expect([unset.status, unset.json.errcode]).toEqual([404, 'M_NOT_FOUND']);
});

test('capabilities are for those who are signed in', async () => {
  const { status, json } = await server.call('GET', '/_matrix/client/v3/capabilities');
  expect([status, json.errcode]).toEqual([401, 'M_MISSING_TOKEN']);
});
