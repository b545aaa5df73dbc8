import { expect, test } from 'vitest';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const puppet = await startPuppetServer();

test('knocking is refused', async () => {
  const alice = await Person.register(alpha, 'alice');
  const room = encodeURIComponent(await alice.createRoom());
  const user = encodeURIComponent(puppet.user('guest'));
  const refusal = { status: 403, body: { errcode: 'M_FORBIDDEN' } };
  expect(await puppet.call(alpha.serverName, 'GET', `/v1/make_knock/${room}/${user}?ver=12`)).toMatchObject(refusal);
  expect(await puppet.call(alpha.serverName, 'PUT', `/v1/send_knock/${room}/$knock`, {})).toMatchObject(refusal);
});
