import { describe, expect, test } from 'vitest';
import type { Pdu } from '../../server/src/protocol/event.ts';
import { essentialBytes, eventIdOf, roomIdOf, verifyContentHash } from '../../server/src/protocol/event-hashes.ts';
import { cosignEvent } from '../../server/src/protocol/event-signing.ts';
import { supportedRoomVersions } from '../../server/src/protocol/room-versions.ts';
import { type KeyId, verifySignature } from '../../server/src/protocol/signing.ts';
import { brokenRules } from '../harness/broken-rules.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { versionNamed } from '../harness/puppet-room.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

interface Told {
  readonly room_version: string;
  readonly event: Pdu;
  readonly invite_room_state: Pdu[];
}

const alpha = await startHomeserver();
const puppet = await startPuppetServer();
const alice = await Person.register(alpha, 'alice');
const { body: keys } = await puppet.call(alpha.serverName, 'GET', '/_matrix/key/v2/server');
let names = 0;
let told: Told | undefined;

function sign({ body }: { body: Told }): { event: Pdu } {
  told = body;
  return { event: cosignEvent(body.event, versionNamed(body.room_version), puppet.serverName, puppet.key) };
}
puppet.answers.set('invite', sign);

async function invite(roomId: string): Promise<Told> {
  told = undefined;
  await alice.roomOk('POST', roomId, 'invite', { user_id: puppet.user(`bob${names++}`) });
  if (told === undefined) throw new Error('nobody was invited');
  return told;
}

function isSignedByAlpha(pdu: Pdu, versionId: string): boolean {
  const bytes = essentialBytes(pdu, versionNamed(versionId));
  return Object.entries(pdu.signatures[alpha.serverName] ?? {}).every(([keyId, signature]) =>
    verifySignature(bytes, signature, keys.verify_keys[keyId as KeyId].key),
  );
}

describe('an invite of a user of another server', () => {
  for (const version of supportedRoomVersions)
    test(`proves by whole events what room it is to (room version ${version})`, async () => {
      const roomId = await alice.createRoom({ preset: 'private_chat', name: 'Club', room_version: version });
      const { room_version, event, invite_room_state: state } = await invite(roomId);
      expect(room_version).toBe(version);
      expect(await alice.membership(roomId, event.state_key)).toBe('invite');
      const types = state.map(({ type, state_key: key }) => [type, key]);
      for (const type of ['m.room.create', 'm.room.join_rules', 'm.room.name'])
        expect(types).toContainEqual([type, '']);
      expect(types).toContainEqual(['m.room.member', alice.userId]);
      for (const pdu of state) {
        expect(roomIdOf(pdu, eventIdOf(pdu, versionNamed(version)))).toBe(roomId);
        expect(verifyContentHash(pdu)).toBe(true);
        expect(isSignedByAlpha(pdu, version)).toBe(true);
      }
    });

  test('A3.3 does not tell what was redacted', async () => {
    const roomId = await alice.createRoom({ preset: 'private_chat' });
    await alice.redact(roomId, await alice.setState(roomId, 'm.room.name', { name: 'Secret' }));
    const { invite_room_state: state } = await invite(roomId);
    expect(state.find(({ type }) => type === 'm.room.name')?.content).toEqual({});
  });

  test.each([
    [
      'signed another one',
      (request: { body: Told }) => {
        const { event } = sign(request);
        return { event: cosignEvent({ ...event, depth: 999 }, versionNamed('12'), puppet.serverName, puppet.key) };
      },
    ],
    ['does not answer with an event', () => ({})],
  ] as const)('does not count where that server %s', async (_title, answer) => {
    puppet.answers.set('invite', answer);
    const roomId = await alice.createRoom({ preset: 'private_chat', room_version: '12' });
    const userId = puppet.user(`bob${names++}`);
    const refused = await alice.room('POST', roomId, 'invite', { user_id: userId });
    expect(refused).toMatchObject({ status: 502, body: { errcode: 'M_UNKNOWN' } });
    expect(await alice.membership(roomId, userId)).toBeUndefined();
    puppet.answers.set('invite', sign);
  });

  test('is refused by the room before that server hears of it', async () => {
    const roomId = await alice.createRoom({ preset: 'private_chat' });
    const guest = await Person.register(alpha, 'guest');
    await alice.roomOk('POST', roomId, 'invite', { user_id: guest.userId });
    await guest.join(roomId);
    const levels = await alice.roomOk('GET', roomId, 'state/m.room.power_levels/');
    await alice.setState(roomId, 'm.room.power_levels', { ...levels, invite: 50 });
    const calls = puppet.calls.length;
    const refused = await guest.room('POST', roomId, 'invite', { user_id: puppet.user('carol') });
    expect(refused).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
    expect(puppet.calls).toHaveLength(calls);
  });
});

test('after all this the database agrees with itself', async () => {
  expect(await brokenRules(alpha)).toEqual([]);
});
