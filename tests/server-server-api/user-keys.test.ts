import { expect, test } from 'vitest';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const puppet = await startPuppetServer();
const alice = await Person.register(alpha, 'alice');
const nobody = `@nobody:${alpha.serverName}`;
const strangers = [nobody, puppet.user('own'), '@bob:example.org', 'no user id', '@nul\0:x'];

test('A3.4 devices are told of local users alone', async () => {
  const ask = (userId: string) =>
    puppet.call(alpha.serverName, 'GET', `/v1/user/devices/${encodeURIComponent(userId)}`);
  const known = await ask(alice.userId);
  expect(known).toMatchObject({ status: 200, body: { user_id: alice.userId, devices: [] } });
  expect(Number.isSafeInteger(known.body.stream_id)).toBe(true);
  const unknown = await ask(nobody);
  expect(unknown).toMatchObject({ status: 404, body: { errcode: 'M_NOT_FOUND' } });
  for (const userId of strangers.slice(0, 4)) expect((await ask(userId)).text).toBe(unknown.text);
});

test('A3.4 keys are told and handed out of local users alone', async () => {
  const wanted = Object.fromEntries([alice.userId, ...strangers].map((userId) => [userId, []]));
  const query = await puppet.call(alpha.serverName, 'POST', '/v1/user/keys/query', { device_keys: wanted });
  expect(query).toMatchObject({ status: 200, body: { device_keys: { [alice.userId]: {} } } });
  expect(Object.keys(query.body.device_keys)).toEqual([alice.userId]);
  const claimed = { [alice.userId]: { DEVICE: 'signed_curve25519' } };
  const claim = await puppet.call(alpha.serverName, 'POST', '/v1/user/keys/claim', { one_time_keys: claimed });
  expect(claim).toMatchObject({ status: 200, body: { one_time_keys: {} } });
});

test('a request about more than a thousand users, or of another form, is refused', async () => {
  const many = Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`@${i}:x`, []]));
  for (const body of [{ device_keys: many }, { device_keys: { [alice.userId]: 'all' } }, {}, { device_keys: null }])
    expect((await puppet.call(alpha.serverName, 'POST', '/v1/user/keys/query', body)).status).toBe(400);
  for (const body of [{ one_time_keys: { [alice.userId]: { D: 1 } } }, {}])
    expect((await puppet.call(alpha.serverName, 'POST', '/v1/user/keys/claim', body)).status).toBe(400);
});
