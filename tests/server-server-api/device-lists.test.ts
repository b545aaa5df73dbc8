import { expect, test } from 'vitest';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom } from '../harness/puppet-room.ts';
import { type PuppetServer, startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const puppet = await startPuppetServer();
const rogue = await startPuppetServer();
let names = 0;
let txns = 0;

async function deliver(edus: readonly unknown[], from: PuppetServer = puppet) {
  const answer = await from.call(alpha.serverName, 'PUT', `/v1/send/t${txns++}`, { pdus: [], edus } as never);
  expect(answer.status, answer.text).toBe(200);
}

const update = (userId: unknown) => ({
  edu_type: 'm.device_list_update',
  content: { user_id: userId, device_id: 'DEVICE', stream_id: 5, prev_id: [4] },
});
const keys = (userId: unknown) => ({
  edu_type: 'm.signing_key_update',
  content: { user_id: userId, master_key: { user_id: userId, usage: ['master'], keys: {} } },
});

/** A room of alice's with users of the puppet. */
async function scene(guests: number) {
  const alice = await Person.register(alpha, `alice${names++}`);
  const roomId = await alice.createRoom();
  const users = Array.from({ length: guests }, () => puppet.user(`guest${names++}`));
  for (const userId of users) await PuppetRoom.join(puppet, alpha.serverName, roomId, userId);
  const { next_batch: since } = await alice.ok('GET', '/sync');
  const changed = async (): Promise<string[]> =>
    (await alice.ok('GET', `/sync?since=${encodeURIComponent(since)}`)).device_lists?.changed ?? [];
  return { alice, users, changed };
}

test.each([
  ['m.device_list_update', update],
  ['m.signing_key_update', keys],
])('%s of a user who shares a room is told to those who do, and ends their long polls', async (_type, edu) => {
  const { alice, users, changed } = await scene(2);
  let sent: Promise<void> | undefined;
  await alice.untilSync((answer) => {
    sent ??= deliver([edu(users[0])]);
    return answer.device_lists?.changed.includes(users[0]);
  }, 'the change');
  await sent;
  expect(await changed()).toEqual([users[0]]);
});

test('A2.1 a server cannot say that devices of another server’s user have changed', async () => {
  const { alice, users, changed } = await scene(1);
  await deliver([update(users[0]), keys(users[0])], rogue);
  await deliver([update(alice.userId), keys(alice.userId), update('nobody'), update(undefined)]);
  expect(await changed()).toEqual([]);
  await deliver([update(users[0])]);
  expect(await changed()).toEqual(users);
});

test('nothing is kept of users with whom nobody here shares a room', async () => {
  const { alice, users, changed } = await scene(1);
  await deliver([update(puppet.user('stranger')), update(users[0])]);
  const roomId = await alice.createRoom();
  await PuppetRoom.join(puppet, alpha.serverName, roomId, puppet.user('stranger'));
  expect(await changed()).toEqual(users);
});

test('the version of a device list is that of the last change that was told', async () => {
  const { alice, users } = await scene(1);
  expect(users).toHaveLength(1);
  const told: { stream_id: number; prev_id: number[] }[] = [];
  puppet.answers.set('send', ({ body }) => {
    for (const { edu_type: type, content } of body.edus)
      if (type === 'm.device_list_update' && content.user_id === alice.userId) told.push(content);
    return { pdus: {} };
  });
  const path = `/v1/user/devices/${encodeURIComponent(alice.userId)}`;
  const ask = async () => (await puppet.call(alpha.serverName, 'GET', path)).body;
  const before = await ask();
  const { device_id: deviceId } = await alice.ok('GET', '/account/whoami');
  await alice.ok('PUT', `/devices/${deviceId}`, { display_name: 'Laptop' });
  const after = await ask();
  expect(after).toMatchObject({ user_id: alice.userId, devices: [] });
  expect(after.stream_id).toBeGreaterThan(before.stream_id as number);
  await expect
    .poll(() => told)
    .toContainEqual({
      user_id: alice.userId,
      device_id: deviceId,
      device_display_name: 'Laptop',
      stream_id: after.stream_id,
      prev_id: [before.stream_id],
    });
});
