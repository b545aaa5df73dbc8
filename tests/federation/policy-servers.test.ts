import { describe, expect, test } from 'vitest';
import type { Pdu } from '../../server/src/protocol/event.ts';
import { essentialBytes } from '../../server/src/protocol/event-hashes.ts';
import { newSigningKeySeed, signingKeyFromSeed } from '../../server/src/protocol/signing.ts';
import { brokenRules } from '../harness/broken-rules.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom, versionNamed } from '../harness/puppet-room.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const beta = await startHomeserver();
const judge = await startPuppetServer();
const key = signingKeyFromSeed('policy_server', newSigningKeySeed());
const version = versionNamed('12');
/** What the policy server was asked to sign. */
const asked: Pdu[] = [];
let names = 0;
let txns = 0;

const person = (server: typeof alpha) => Person.register(server, `person${names++}`);
const signatureOf = (pdu: Pdu) => ({ [judge.serverName]: { [key.keyId]: key.sign(essentialBytes(pdu, version)) } });

/** The policy server signs everything but what says "spam". */
function judgeFairly(): void {
  judge.answers.set('sign', ({ body }) => {
    asked.push(body);
    return JSON.stringify(body.content).includes('spam') ? undefined : signatureOf(body);
  });
}

/** A room with a user of the policy server in it, which names it as its own. */
async function guardedRoom(options: Record<string, unknown> = {}) {
  judgeFairly();
  const alice = await person(alpha);
  const roomId = await alice.createRoom(options);
  const room = await PuppetRoom.join(judge, alpha.serverName, roomId, judge.user(`judge${names++}`));
  await alice.setState(roomId, 'm.room.policy', { via: judge.serverName, public_keys: { ed25519: key.publicKey } });
  asked.length = 0;
  return { alice, roomId, room };
}

const send = (who: Person, roomId: string, text: string, txn = `policy${txns++}`) =>
  who.room('PUT', roomId, `send/m.room.message/${txn}`, { msgtype: 'm.text', body: text });

describe('events of our users in a room with a policy server', () => {
  test('are sent with its signature, once each', async () => {
    const { alice, roomId } = await guardedRoom();
    const first = await send(alice, roomId, 'hello', 'once');
    expect(first.status, JSON.stringify(first.body)).toBe(200);
    expect((await send(alice, roomId, 'hello', 'once')).body).toEqual(first.body);
    expect(asked.map((pdu) => pdu.content.body)).toContain('hello');
    expect(await alice.texts(roomId)).toEqual(['hello']);
    const path = `/v1/event/${encodeURIComponent(first.body.event_id)}`;
    const { body } = await judge.call(alpha.serverName, 'GET', path);
    expect(body.pdus[0].signatures).toMatchObject({ [alpha.serverName]: {}, ...signatureOf(body.pdus[0]) });
    const seen = (await alice.history(roomId)).at(-1) as unknown as { unsigned: { transaction_id: string } };
    expect(seen.unsigned.transaction_id).toBe('once');
  });

  test('are refused with its reason, or where it answers nonsense, and leave nothing behind', async () => {
    const { alice, roomId } = await guardedRoom();
    expect((await send(alice, roomId, 'spam')).status).toBe(404);
    const wrong = signingKeyFromSeed('policy_server', newSigningKeySeed());
    for (const answer of [
      {},
      { [judge.serverName]: {} },
      { [judge.serverName]: { [key.keyId]: 'nonsense' } },
      { 'other.example.org': { [key.keyId]: 'x' } },
    ]) {
      judge.answers.set('sign', () => answer);
      expect(await send(alice, roomId, 'hello')).toMatchObject({ status: 502, body: { errcode: 'M_UNKNOWN' } });
    }
    judge.answers.set('sign', ({ body }) => ({
      [judge.serverName]: { [key.keyId]: wrong.sign(essentialBytes(body, version)) },
    }));
    expect((await send(alice, roomId, 'hello')).status).toBe(502);
    expect(await alice.texts(roomId)).toEqual([]);
    judgeFairly();
    expect((await send(alice, roomId, 'at last')).status).toBe(200);
  });

  test('are all asked about, state and memberships too, but what the room refuses and the choice of the server itself', async () => {
    const { alice, roomId } = await guardedRoom();
    const bob = await person(alpha);
    await bob.join(roomId);
    await alice.setState(roomId, 'm.room.topic', { topic: 'fine' });
    expect((await bob.room('PUT', roomId, 'state/m.room.topic/', { topic: 'mine' })).status).toBe(403);
    expect(asked.map((pdu) => pdu.type)).toEqual(['m.room.member', 'm.room.topic']);
    expect((await alice.room('PUT', roomId, 'state/m.room.topic/', { topic: 'spam' })).status).toBe(404);
    judge.answers.delete('sign');
    await alice.setState(roomId, 'm.room.policy', {});
    expect((await send(alice, roomId, 'spam and more')).status).toBe(200);
  });

  test('need nobody where the policy server has left the room, or is not named properly', async () => {
    const { alice, roomId, room } = await guardedRoom();
    const userId = [...room.state.values()]
      .map(({ pdu }) => pdu.sender)
      .find((user) => user.endsWith(judge.serverName));
    expect((await alice.room('POST', roomId, 'kick', { user_id: userId })).status).toBe(200);
    judge.answers.delete('sign');
    expect((await send(alice, roomId, 'spam')).status).toBe(200);
    const other = await alice.createRoom();
    await PuppetRoom.join(judge, alpha.serverName, other, judge.user(`judge${names++}`));
    for (const content of [{ via: 7 }, { via: judge.serverName }, { via: judge.serverName, public_keys: [] }]) {
      await alice.setState(other, 'm.room.policy', content);
      expect((await send(alice, other, 'hello')).status).toBe(200);
    }
  });
});

describe('events of others in a room with a policy server', () => {
  const deliver = (...pdus: Pdu[]) =>
    judge.call(alpha.serverName, 'PUT', `/v1/send/policy${txns++}`, { pdus } as never);

  async function puppetRoom() {
    const { alice, roomId } = await guardedRoom();
    // A second look at the room, from after its choice of the policy server.
    const guest = judge.user(`guest${names++}`);
    const room = await PuppetRoom.join(judge, alpha.serverName, roomId, guest);
    asked.length = 0;
    return { alice, roomId, room, guest };
  }

  test('count with its signature, which is fetched where they lack it, and are not shown without', async () => {
    const { alice, roomId, room, guest } = await puppetRoom();
    const signed = room.message(guest, 'signed');
    await deliver({
      ...signed.pdu,
      signatures: {
        [judge.serverName]: {
          ...signed.pdu.signatures[judge.serverName],
          ...signatureOf(signed.pdu)[judge.serverName],
        },
      },
    });
    await alice.untilText(roomId, 'signed');
    expect(asked).toEqual([]);
    await deliver(room.message(guest, 'fetched').pdu);
    await alice.untilText(roomId, 'fetched');
    expect(asked).toHaveLength(1);
    await deliver(...['two', 'together'].map((text) => room.message(guest, text).pdu));
    await alice.untilText(roomId, 'together');
    const spam = room.build({ type: 'm.room.message', sender: guest, content: { body: 'spam' } });
    expect((await deliver(spam.pdu)).body.pdus).toEqual({ [spam.eventId]: {} });
    await deliver(room.message(guest, 'and on').pdu);
    await alice.untilText(roomId, 'and on');
    expect(await alice.texts(roomId)).toEqual(['signed', 'fetched', 'two', 'together', 'and on']);
  });

  test('may be joins through us, invites and knocks', async () => {
    const { alice, roomId } = await guardedRoom({ preset: 'public_chat' });
    const bob = await person(beta);
    await bob.join(roomId, [alpha.serverName]);
    await alice.untilMembership(roomId, bob.userId, 'join');
    await bob.say(roomId, 'from beta');
    await alice.untilText(roomId, 'from beta');
    const carol = await person(beta);
    await alice.roomOk('POST', roomId, 'invite', { user_id: carol.userId });
    await carol.untilInvited(roomId);
    expect(asked.map((pdu) => pdu.type)).toEqual(['m.room.member', 'm.room.message', 'm.room.member']);
  });
});

test('a server that is no policy server itself says so', async () => {
  expect(await judge.call(alpha.serverName, 'POST', '/_matrix/policy/v1/sign', {})).toMatchObject({
    status: 404,
    body: { errcode: 'M_UNRECOGNIZED' },
  });
});

test('after all this the databases agree with themselves', async () => {
  for (const server of [alpha, beta]) expect(await brokenRules(server)).toEqual([]);
});
