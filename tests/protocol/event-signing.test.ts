import { describe, expect, test } from 'vitest';
import type { MatrixError } from '../../server/src/protocol/errors.ts';
import type { Pdu } from '../../server/src/protocol/event.ts';
import { checkEventFormat } from '../../server/src/protocol/event-format.ts';
import { essentialBytes, eventIdOf, verifyContentHash } from '../../server/src/protocol/event-hashes.ts';
import {
  cosignEvent,
  hashAndSignEvent,
  serversThatMustSign,
  type UnsignedPdu,
} from '../../server/src/protocol/event-signing.ts';
import type { JsonObject } from '../../server/src/protocol/json.ts';
import { redactEvent } from '../../server/src/protocol/redaction.ts';
import { type RoomVersion, roomVersions } from '../../server/src/protocol/room-versions.ts';
import { newSigningKeySeed, signingKeyFromSeed, verifySignedBytes } from '../../server/src/protocol/signing.ts';

const eleven = roomVersions.get('11') as RoomVersion;
const twelve = roomVersions.get('12') as RoomVersion;
const key = signingKeyFromSeed('a', newSigningKeySeed());
const findKey = (keyId: string) => (keyId === key.keyId ? key.publicKey : undefined);

const template: UnsignedPdu = {
  type: 'm.room.message',
  room_id: '!room:one.example',
  sender: '@alice:one.example',
  content: { body: 'hello' },
  depth: 3,
  origin_server_ts: 1_700_000_000_000,
  prev_events: ['$a'],
  auth_events: ['$b'],
};

const isSigned = async (pdu: Pdu, version: RoomVersion) =>
  (await verifySignedBytes(essentialBytes(pdu, version), pdu.signatures, 'one.example', findKey)).ok;

function errorOf(change: JsonObject): MatrixError {
  try {
    hashAndSignEvent({ ...template, ...change }, eleven, 'one.example', key);
  } catch (error) {
    return error as MatrixError;
  }
  throw new Error('nothing was thrown');
}

describe('an event that we build', () => {
  const built = hashAndSignEvent(template, eleven, 'one.example', key);

  test('has a right content hash, signature and id, and passes as a peer will check it', async () => {
    expect(verifyContentHash(built.pdu)).toBe(true);
    expect(await isSigned(built.pdu, eleven)).toBe(true);
    expect(built.eventId).toBe(eventIdOf(built.pdu, eleven));
    expect(built.roomId).toBe('!room:one.example');
    expect(checkEventFormat(JSON.parse(built.json), eleven)).toMatchObject({ ok: true, json: built.json });
  });

  test('keeps its signature when it is redacted, and loses it when its sender or type is changed', async () => {
    expect(await isSigned(redactEvent(built.pdu, eleven), eleven)).toBe(true);
    expect(await isSigned({ ...built.pdu, sender: '@mallory:one.example' }, eleven)).toBe(false);
    expect(await isSigned({ ...built.pdu, type: 'm.room.name' }, eleven)).toBe(false);
    expect(await isSigned({ ...built.pdu, hashes: { sha256: 'x' } }, eleven)).toBe(false);
  });

  test('founds a room of its own id when it is a create event of version 12', () => {
    const { room_id: _, ...create } = {
      ...template,
      type: 'm.room.create',
      state_key: '',
      prev_events: [],
      auth_events: [],
    };
    const { eventId, roomId, pdu } = hashAndSignEvent(create, twelve, 'one.example', key);
    expect(roomId).toBe(`!${eventId.slice(1)}`);
    expect('room_id' in pdu).toBe(false);
  });

  test('leaves out what is undefined', () => {
    const { pdu } = hashAndSignEvent({ ...template, state_key: undefined }, eleven, 'one.example', key);
    expect('state_key' in pdu).toBe(false);
    expect(verifyContentHash(pdu)).toBe(true);
  });
});

describe('an event that breaks the format is the client’s mistake', () => {
  test('A1.5 a number that is not canonical is M_BAD_JSON', () => {
    expect(errorOf({ content: { a: [1.5] } })).toMatchObject({ errcode: 'M_BAD_JSON', status: 400 });
    expect(errorOf({ content: { a: 2 ** 53 } }).message).toContain('content.a');
    expect(errorOf({ content: { a: '\ud800' } })).toMatchObject({ errcode: 'M_BAD_JSON' });
  });

  test('one that is too large is M_TOO_LARGE', () => {
    expect(errorOf({ content: { a: 'x'.repeat(65_536) } })).toMatchObject({ errcode: 'M_TOO_LARGE', status: 413 });
    expect(errorOf({ type: 'x'.repeat(256) })).toMatchObject({ errcode: 'M_TOO_LARGE' });
  });
});

test('co-signing adds a signature and leaves the others and the id as they were', async () => {
  const theirs = signingKeyFromSeed('b', newSigningKeySeed());
  const { pdu, eventId } = hashAndSignEvent(template, eleven, 'two.example', theirs);
  const both = cosignEvent(pdu, eleven, 'one.example', key);
  expect(await isSigned(both, eleven)).toBe(true);
  expect(both.signatures['two.example']).toEqual(pdu.signatures['two.example']);
  expect(eventIdOf(both, eleven)).toBe(eventId);
  expect(pdu.signatures['one.example']).toBeUndefined();
});

describe('A1.1 who has to sign', () => {
  const pdu: Pdu = { ...template, hashes: { sha256: '' }, signatures: {} };
  const member = (content: JsonObject): Pdu => ({
    ...pdu,
    type: 'm.room.member',
    state_key: '@x:three.example',
    content,
  });

  test('the server of the sender, whatever origin says', () => {
    expect(serversThatMustSign({ ...pdu, origin: 'evil.example' }, eleven)).toEqual(['one.example']);
    expect(serversThatMustSign({ ...pdu, sender: '@a:[::1]:8448' }, eleven)).toEqual(['[::1]:8448']);
  });

  test('also the server of the user who authorised a restricted join, from version 8 on', () => {
    const join = member({ membership: 'join', join_authorised_via_users_server: '@b:two.example' });
    expect(serversThatMustSign(join, eleven)).toEqual(['one.example', 'two.example']);
    expect(serversThatMustSign(join, roomVersions.get('7') as RoomVersion)).toEqual(['one.example']);
    expect(serversThatMustSign({ ...join, type: 'm.room.message' }, eleven)).toEqual(['one.example']);
  });

  test('nobody can sign for an authorising user whose id is malformed', () => {
    for (const value of [7, null, {}, 'x']) {
      const servers = serversThatMustSign(
        member({ membership: 'join', join_authorised_via_users_server: value }),
        eleven,
      );
      expect(servers).toHaveLength(2);
    }
  });

  test('not the sender’s for a third-party invite, but for every other membership that says so', () => {
    expect(serversThatMustSign(member({ membership: 'invite', third_party_invite: {} }), eleven)).toEqual([]);
    expect(serversThatMustSign(member({ membership: 'join', third_party_invite: {} }), eleven)).toEqual([
      'one.example',
    ]);
  });

  test('in versions 1 and 2, the server of the event id too', () => {
    const given = { ...pdu, event_id: '$a:two.example' as const };
    expect(serversThatMustSign(given, roomVersions.get('2') as RoomVersion)).toEqual(['one.example', 'two.example']);
  });
});
