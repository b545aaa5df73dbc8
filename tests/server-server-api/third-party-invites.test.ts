import { expect, test } from 'vitest';
import { cosignEvent } from '../../server/src/protocol/event-signing.ts';
import type { JsonObject } from '../../server/src/protocol/json.ts';
import { newSigningKeySeed, signingKeyFromSeed, signJson } from '../../server/src/protocol/signing.ts';
import { brokenRules } from '../harness/broken-rules.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom, versionNamed } from '../harness/puppet-room.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const beta = await startHomeserver();
const puppet = await startPuppetServer();
const identityServer = signingKeyFromSeed('0', newSigningKeySeed());
let names = 0;

puppet.answers.set('invite', ({ body }) => ({
  event: cosignEvent(body.event, versionNamed(body.room_version), puppet.serverName, puppet.key),
}));

/** A private room of alice's into which somebody has been invited by an e-mail address. */
async function roomWithInvite(token = 'abc') {
  const alice = await Person.register(alpha, `alice${names++}`);
  const roomId = await alice.createRoom({ preset: 'private_chat' });
  const key = { public_key: identityServer.publicKey, key_validity_url: 'https://id.example.org/valid' };
  const content = { display_name: 'b…@example.org', ...key, public_keys: [key] };
  await alice.setState(roomId, 'm.room.third_party_invite', content, token);
  return { alice, roomId };
}

const signedFor = (mxid: string, token = 'abc', key = identityServer) =>
  signJson({ mxid, token }, 'id.example.org', key) as JsonObject;

const memberOf = (roomId: string, sender: string, invitee: string, signed: JsonObject) => ({
  type: 'm.room.member',
  room_id: roomId,
  sender,
  state_key: invitee,
  content: { membership: 'invite', third_party_invite: { display_name: 'forged name', signed } },
});

const exchange = (roomId: string, body: JsonObject, from = puppet) =>
  from.call(alpha.serverName, 'PUT', `/v1/exchange_third_party_invite/${encodeURIComponent(roomId)}`, body as never);

test('the server of whom an identifier belongs to has the user invited, who can then join', async () => {
  const { alice, roomId } = await roomWithInvite();
  const userId = puppet.user(`guest${names++}`);
  const answer = await exchange(roomId, memberOf(roomId, alice.userId, userId, signedFor(userId)));
  expect(answer, answer.text).toMatchObject({ status: 200, body: {} });
  expect(puppet.calls).toContain('invite');
  const event = await alice.untilEvent(roomId, ({ state_key: key }) => key === userId, 'the invite');
  expect(event).toMatchObject({
    sender: alice.userId,
    content: { membership: 'invite', third_party_invite: { display_name: 'b…@example.org', signed: { token: 'abc' } } },
  });
  await PuppetRoom.join(puppet, alpha.serverName, roomId, userId);
});

test('A1.3 nobody is invited without a proof of the identity server for this user and this invite', async () => {
  const { alice, roomId } = await roomWithInvite();
  const bob = await Person.register(alpha, `bob${names++}`);
  const userId = puppet.user(`guest${names++}`);
  const other = puppet.user(`guest${names++}`);
  const forger = signingKeyFromSeed('0', newSigningKeySeed());
  const forbidden = { status: 403, body: { errcode: 'M_FORBIDDEN' } };
  const refuses = async (body: JsonObject, refusal: object = forbidden) =>
    expect(await exchange(roomId, body), JSON.stringify(body)).toMatchObject(refusal);
  await refuses(memberOf(roomId, alice.userId, userId, signedFor(other)));
  await refuses(memberOf(roomId, alice.userId, userId, signedFor(userId, 'unknown')));
  await refuses(memberOf(roomId, alice.userId, userId, signedFor(userId, 'abc', forger)));
  await refuses(memberOf(roomId, bob.userId, userId, signedFor(userId)));
  await refuses(memberOf(roomId, puppet.user('own'), userId, signedFor(userId)));
  await refuses(memberOf(roomId, alice.userId, bob.userId, signedFor(bob.userId)));
  const invite = memberOf(roomId, alice.userId, userId, signedFor(userId));
  await refuses({ ...invite, type: 'm.room.message' }, { status: 400 });
  await refuses({ ...invite, room_id: '!other:example.org' }, { status: 400 });
  await refuses({ ...invite, content: { ...invite.content, membership: 'join' } }, { status: 400 });
  await refuses({ ...invite, content: { membership: 'invite', third_party_invite: null } }, { status: 400 });
  const unknown = `!${'A'.repeat(43)}`;
  expect((await exchange(unknown, { ...invite, room_id: unknown })).status).toBe(404);
  await alice.setState(roomId, 'm.room.server_acl', { allow: ['*.example.org'] });
  await refuses(invite);
  expect(await alice.membership(roomId, userId)).toBeUndefined();
});

async function bind(server: { federationPort: number; serverName: string }, mxid: string, invites: unknown[]) {
  const body = { medium: 'email', address: 'bob@example.org', mxid, invites };
  return await puppet.call(server.serverName, 'PUT', '/v1/3pid/onbind', body as never);
}

test('a notice of an identity server leads to an invite by whoever has sent the first one', async () => {
  for (const [server, home] of [
    [beta, 'another server'],
    [alpha, 'the same server'],
  ] as const) {
    const { alice, roomId } = await roomWithInvite();
    const bob = await Person.register(server, `bob${names++}`);
    const invite = { medium: 'email', address: 'bob@example.org', mxid: bob.userId, room_id: roomId };
    const sound = { ...invite, sender: alice.userId, signed: signedFor(bob.userId) };
    const odd = [null, 7, {}, { ...sound, room_id: 5 }, { ...sound, signed: 'x' }, { ...sound, mxid: alice.userId }];
    const unreachable = { ...sound, sender: '@x:localhost:1' };
    expect(await bind(server, bob.userId, [...odd, unreachable, sound]), home).toMatchObject({ status: 200, body: {} });
    await bob.untilInvited(roomId);
    await bob.join(roomId);
    await alice.untilMembership(roomId, bob.userId, 'join');
  }
});

test('a notice about somebody who is not here leads to nothing', async () => {
  const calls = puppet.calls.length;
  for (const mxid of [`@nobody:${alpha.serverName}`, '@bob:example.org', 'nobody']) {
    const invite = { mxid, room_id: '!room:x', sender: puppet.user('somebody'), signed: {} };
    expect(await bind(alpha, mxid, [invite])).toMatchObject({ status: 200 });
  }
  expect(puppet.calls.length).toBe(calls);
});

test('after all this the databases agree with themselves', async () => {
  for (const server of [alpha, beta]) expect(await brokenRules(server)).toEqual([]);
});
