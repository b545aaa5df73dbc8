import nacl from 'tweetnacl';
import { describe, expect, test } from 'vitest';
import type { Pdu } from '../../server/src/protocol/event.ts';
import {
  contentHash,
  essentialBytes,
  eventIdOf,
  roomIdOf,
  verifyContentHash,
} from '../../server/src/protocol/event-hashes.ts';
import { redactEvent } from '../../server/src/protocol/redaction.ts';
import { type RoomVersion, roomVersions } from '../../server/src/protocol/room-versions.ts';
import { decodeBase64, encodeBase64 } from '../../server/src/protocol/unpadded-base64.ts';

const version = (id: string) => roomVersions.get(id) as RoomVersion;
const seed = decodeBase64('YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1') as Buffer;
const { secretKey } = nacl.sign.keyPair.fromSeed(Uint8Array.from(seed));

describe('the vectors of the appendices', () => {
  test.each([
    [
      'a minimal event',
      {
        room_id: '!x:domain',
        sender: '@a:domain',
        origin: 'domain',
        origin_server_ts: 1000000,
        signatures: {},
        hashes: {},
        type: 'X',
        content: {},
        prev_events: [],
        auth_events: [],
        depth: 3,
        unsigned: { age_ts: 1000000 },
      },
      '5jM4wQpv6lnBo7CLIghJuHdW+s2CMBJPUOGOC89ncos',
      'KxwGjPSDEtvnFgU00fwFz+l6d2pJM6XBIaMEn81SXPTRl16AqLAYqfIReFGZlHi5KLjAWbOoMszkwsQma+lYAg',
    ],
    [
      'an event with content that redaction removes',
      {
        content: { body: 'Here is the message content' },
        event_id: '$0:domain',
        origin: 'domain',
        origin_server_ts: 1000000,
        type: 'm.room.message',
        room_id: '!r:domain',
        sender: '@u:domain',
        signatures: {},
        unsigned: { age_ts: 1000000 },
      },
      'onLKD1bGljeBWQhWZ1kaP9SorVmRQNdN5aM2JYU2n/g',
      'Wm+VzmOUOz08Ds+0NTWb1d4CZrVsJSikkeRxh6aCcUwu6pNC78FunoD7KNWzqFn241eYHYMGCA5McEiVPdhzBA',
    ],
  ])('%s gets the hash and the signature of the appendices', (_name, event, hash, signature) => {
    expect(contentHash(event)).toBe(hash);
    const bytes = essentialBytes({ ...event, hashes: { sha256: hash } }, version('1'));
    expect(encodeBase64(nacl.sign.detached(Uint8Array.from(bytes), secretKey))).toBe(signature);
  });
});

const pdu: Pdu = {
  type: 'm.room.message',
  room_id: '!room:one.example',
  sender: '@alice:one.example',
  content: { body: 'hello' },
  depth: 3,
  origin_server_ts: 1_700_000_000_000,
  prev_events: ['$a'],
  auth_events: ['$b'],
  hashes: { sha256: '' },
  signatures: {},
};
const hashed: Pdu = { ...pdu, hashes: { sha256: contentHash(pdu) } };

describe('the content hash', () => {
  test('covers everything but hashes, signatures and unsigned', () => {
    expect(verifyContentHash(hashed)).toBe(true);
    expect(verifyContentHash({ ...hashed, signatures: { x: { 'ed25519:1': 'y' } }, unsigned: { age: 1 } })).toBe(true);
    expect(verifyContentHash({ ...hashed, content: { body: 'hullo' } })).toBe(false);
    expect(verifyContentHash({ ...hashed, extra: 1 })).toBe(false);
  });

  test('is compared as bytes: padding makes no difference, other text is wrong', () => {
    expect(verifyContentHash({ ...hashed, hashes: { sha256: `${hashed.hashes.sha256}=` } })).toBe(true);
    expect(verifyContentHash({ ...hashed, hashes: { sha256: '' } })).toBe(false);
    expect(verifyContentHash({ ...hashed, hashes: { sha256: '*' } })).toBe(false);
  });
});

describe('the event id', () => {
  test('is the reference hash: in both alphabets of Base64, or as given', () => {
    expect(eventIdOf({ ...hashed, event_id: '$given:one.example' }, version('2'))).toBe('$given:one.example');
    const standard = eventIdOf(hashed, version('3'));
    const urlSafe = eventIdOf(hashed, version('4'));
    expect(standard).toMatch(/^\$[A-Za-z0-9+/]{43}$/);
    expect(urlSafe).toBe(standard.replaceAll('+', '-').replaceAll('/', '_'));
  });

  test('is the same for a redacted copy, whatever its signatures, and another for another content hash', () => {
    const twelve = version('12');
    const id = eventIdOf(hashed, twelve);
    expect(eventIdOf(redactEvent(hashed, twelve), twelve)).toBe(id);
    expect(eventIdOf({ ...hashed, signatures: { x: {} }, unsigned: { a: 1 } }, twelve)).toBe(id);
    expect(eventIdOf({ ...hashed, content: { body: 'hullo' } }, twelve)).toBe(id);
    expect(eventIdOf({ ...hashed, hashes: { sha256: 'x' } }, twelve)).not.toBe(id);
  });
});

test('a create event without room_id founds the room of its own id', () => {
  expect(roomIdOf({}, '$abc')).toBe('!abc');
  expect(roomIdOf(pdu, '$abc')).toBe('!room:one.example');
});
