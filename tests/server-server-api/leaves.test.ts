import { expect, test } from 'vitest';
import { hashAndSignEvent, type UnsignedPdu } from '../../server/src/protocol/event-signing.ts';
import { brokenRules } from '../harness/broken-rules.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom, versionNamed } from '../harness/puppet-room.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const puppet = await startPuppetServer();
let names = 0;

const newPerson = () => Person.register(alpha, `alice${names++}`);
const newUser = () => puppet.user(`guest${names++}`);

async function makeLeave(roomId: string, userId: string) {
  const path = `/v1/make_leave/${encodeURIComponent(roomId)}/${encodeURIComponent(userId)}`;
  return await puppet.call(alpha.serverName, 'GET', path);
}

async function signedLeave(roomId: string, userId: string, changes: Record<string, unknown> = {}) {
  const { body } = await makeLeave(roomId, userId);
  const { origin: _, ...template } = body.event;
  const version = versionNamed(body.room_version);
  return hashAndSignEvent({ ...template, ...changes } as UnsignedPdu, version, puppet.serverName, puppet.key);
}

async function sendLeave(roomId: string, leave: { eventId: string; pdu: unknown }) {
  const path = `/v2/send_leave/${encodeURIComponent(roomId)}/${encodeURIComponent(leave.eventId)}`;
  return await puppet.call(alpha.serverName, 'PUT', path, leave.pdu as never);
}

async function sharedRoom() {
  const alice = await newPerson();
  const roomId = await alice.createRoom();
  const userId = newUser();
  await PuppetRoom.join(puppet, alpha.serverName, roomId, userId);
  return { alice, roomId, userId };
}

test('a member of another server leaves through us, as often as it is sent', async () => {
  const { alice, roomId, userId } = await sharedRoom();
  const leave = await signedLeave(roomId, userId);
  expect(await sendLeave(roomId, leave)).toMatchObject({ status: 200, text: '{}' });
  expect(await sendLeave(roomId, leave)).toMatchObject({ status: 200, text: '{}' });
  expect(await alice.membership(roomId, userId)).toBe('leave');
});

test('make_leave refuses strangers, users of other servers and unknown rooms', async () => {
  const { alice, roomId } = await sharedRoom();
  const forbidden = { status: 403, body: { errcode: 'M_FORBIDDEN' } };
  expect(await makeLeave(roomId, newUser())).toMatchObject(forbidden);
  expect(await makeLeave(roomId, alice.userId)).toMatchObject(forbidden);
  expect(await makeLeave(`!unknown:${alpha.serverName}`, newUser())).toMatchObject({
    status: 404,
    body: { errcode: 'M_NOT_FOUND' },
  });
});

test('A1.2 A1.3 send_leave takes nothing but the leave of the calling server’s own user, signed by it', async () => {
  const { alice, roomId, userId } = await sharedRoom();
  const leave = await signedLeave(roomId, userId);
  const others = [
    { ...leave, eventId: '$another' },
    { ...leave, pdu: { ...leave.pdu, signatures: {} } },
    { ...leave, pdu: { ...leave.pdu, content: { membership: 'leave', reason: 'changed' } } },
    await signedLeave(roomId, userId, { content: { membership: 'join' } }),
    await signedLeave(roomId, userId, { content: { membership: 'ban' } }),
    await signedLeave(roomId, userId, { type: 'm.room.message' }),
    await signedLeave(roomId, userId, { state_key: alice.userId }),
    await signedLeave(roomId, userId, { sender: alice.userId, state_key: alice.userId }),
  ];
  for (const event of others)
    expect(await sendLeave(roomId, event)).toMatchObject({ status: 400, body: { errcode: 'M_INVALID_PARAM' } });
  const claimed = await signedLeave(roomId, userId, {
    content: { membership: 'leave', join_authorised_via_users_server: alice.userId },
  });
  expect((await sendLeave(roomId, claimed)).status).toBe(400);
  expect(await alice.membership(roomId)).toBe('join');
  expect(await alice.membership(roomId, userId)).toBe('join');
});

test('who has been banned cannot leave any more', async () => {
  const { alice, roomId, userId } = await sharedRoom();
  const leave = await signedLeave(roomId, userId);
  await alice.roomOk('POST', roomId, 'ban', { user_id: userId });
  expect(await sendLeave(roomId, leave)).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
  expect(await alice.membership(roomId, userId)).toBe('ban');
});

test('after all this the database agrees with itself', async () => {
  expect(await brokenRules(alpha)).toEqual([]);
});
