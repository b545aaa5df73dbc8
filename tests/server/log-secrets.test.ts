import { expect, test } from 'vitest';
import { spawnHomeserver } from '../harness/homeserver.ts';

test('passwords, tokens, query strings and messages are in no log, at any level', async () => {
  const secret = 'canary-shared-secret';
  const settings = { 'log.level': 'debug', registration_shared_secret: secret };
  const { baseUrl, output, stop } = await spawnHomeserver({ settings });
  const call = async (method: string, path: string, body?: unknown, token?: string) => {
    const response = await fetch(`${baseUrl}/_matrix/client${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, json: (await response.json()) as Record<string, string> };
  };
  const password = 'canary password 1';
  const account = await call('POST', '/v3/register', {
    username: 'alice',
    password,
    refresh_token: true,
    auth: { type: 'm.login.dummy' },
  });
  expect(account.status).toBe(200);
  const { access_token: token = '', refresh_token: refresh = '' } = account.json;
  await call('POST', '/v3/login', {
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user: 'alice' },
    password: 'canary wrong password',
  });
  const { room_id: roomId = '' } = (await call('POST', '/v3/createRoom', { topic: 'canary topic' }, token)).json;
  const path = `/v3/rooms/${encodeURIComponent(roomId)}/send/m.room.message/canary-txn`;
  expect((await call('PUT', path, { msgtype: 'm.text', body: 'canary message' }, token)).status).toBe(200);
  await call('GET', '/v3/sync?since=canary-query', undefined, token);
  await call('GET', '/v3/sync?access_token=canary-in-query');
  await call('PUT', path, '{ canary broken', token);
  await stop();

  const log = output.join('\n');
  expect(log).toContain('/_matrix/client/v3/createRoom');
  for (const canary of ['canary', token, refresh]) expect(log).not.toContain(canary);
});
