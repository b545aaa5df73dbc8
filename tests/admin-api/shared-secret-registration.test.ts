import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { accountServer, SHARED_SECRET } from '../harness/account-server.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();
const server = await accountServer(db.url, { policy: 'closed' });
const PATH = '/_synapse/admin/v1/register';
const newNonce = async () => (await server.call('GET', PATH)).json.nonce as string;
const mac = (...parts: string[]) => createHmac('sha1', SHARED_SECRET).update(parts.join('\0')).digest('hex');

test('an account is made with the HMAC over nonce, username, password and admin flag', async () => {
  for (const [username, admin] of [
    ['ops', true],
    ['user', false],
  ] as const) {
    const nonce = await newNonce();
    const { status, json } = await server.call('POST', PATH, {
      body: {
        nonce,
        username,
        password: 'a good password',
        admin,
        displayname: `The ${username}`,
        mac: mac(nonce, username, 'a good password', admin ? 'admin' : 'notadmin'),
      },
    });
    expect(status).toBe(200);
    expect(json).toEqual({
      user_id: `@${username}:parley.test`,
      access_token: expect.any(String),
      device_id: expect.any(String),
      home_server: 'parley.test',
    });
    const [row] = await db.query('SELECT is_admin FROM accounts WHERE user_id = $1', [json.user_id]);
    expect(row).toEqual({ is_admin: admin });
    const profile = await server.call('GET', `/_matrix/client/v3/profile/${json.user_id}/displayname`);
    expect(profile.json.displayname).toBe(`The ${username}`);
  }
});

test('a nonce is good for one attempt within a minute', async () => {
  const nonce = await newNonce();
  const body = {
    nonce,
    username: 'x',
    password: 'a good password',
    mac: mac(nonce, 'x', 'a good password', 'notadmin'),
  };
  const wrong = await server.call('POST', PATH, { body: { ...body, admin: true } });
  expect([wrong.status, wrong.json.errcode]).toEqual([403, 'M_UNKNOWN']);
  expect((await server.call('POST', PATH, { body })).status).toBe(400);

  const late = await newNonce();
  server.clock.advance(60_000);
  const { status } = await server.call('POST', PATH, {
    body: { ...body, nonce: late, mac: mac(late, 'x', 'a good password', 'notadmin') },
  });
  expect(status).toBe(400);
});

test('the user type is part of the HMAC where it is given', async () => {
  const nonce = await newNonce();
  const { status } = await server.call('POST', PATH, {
    body: {
      nonce,
      username: 'typed',
      password: 'a good password',
      user_type: 'support',
      mac: mac(nonce, 'typed', 'a good password', 'notadmin', 'support'),
    },
  });
  expect(status).toBe(200);
});
