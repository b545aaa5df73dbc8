import { expect, test } from 'vitest';
import { openIdUser } from '../../server/src/users/openid.ts';
import { accountServer } from '../harness/account-server.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();
const server = await accountServer(db.url);
const alice = await server.register('alice');
const bob = await server.register('bob');
const request = (userId: string, token: string) =>
  server.call('POST', `/_matrix/client/v3/user/${userId}/openid/request_token`, { token, body: {} });

test('a user gets a token that proves who they are for an hour, and is good for nothing else', async () => {
  const { status, json } = await request(alice.user_id, alice.access_token);
  expect([status, json]).toEqual([
    200,
    { access_token: expect.any(String), token_type: 'Bearer', matrix_server_name: 'parley.test', expires_in: 3600 },
  ]);
  expect(await openIdUser(db, server.clock, json.access_token)).toBe(alice.user_id);
  expect((await server.call('GET', '/_matrix/client/v3/account/whoami', { token: json.access_token })).status).toBe(
    401,
  );
  expect(await openIdUser(db, server.clock, alice.access_token)).toBeUndefined();
  server.clock.advance(3_600_000);
  expect(await openIdUser(db, server.clock, json.access_token)).toBeUndefined();
});

test('nobody gets a token for somebody else', async () => {
  const { status, json } = await request(alice.user_id, bob.access_token);
  expect([status, json.errcode]).toEqual([403, 'M_FORBIDDEN']);
});
