import { describe, expect, test } from 'vitest';
import type { EventId } from '../../server/src/protocol/event.ts';
import { checkEventFormat } from '../../server/src/protocol/event-format.ts';
import type { JsonObject } from '../../server/src/protocol/json.ts';
import { parsePeerJson } from '../../server/src/protocol/json-parser.ts';
import { type RoomVersion, roomVersions } from '../../server/src/protocol/room-versions.ts';

const eleven = roomVersions.get('11') as RoomVersion;
const twelve = roomVersions.get('12') as RoomVersion;
const hash = 'Nhcu5BS-UMnFX7hBVfVSoXiD7OgH6iRT-xyIuqDnpYQ';

const event: JsonObject = {
  type: 'm.room.message',
  room_id: `!${hash}`,
  sender: '@alice:one.example',
  content: { body: 'hello' },
  depth: 3,
  origin_server_ts: 1_700_000_000_000,
  prev_events: [`$${hash}`],
  auth_events: [`$${hash}`],
  hashes: { sha256: 'x' },
  signatures: { 'one.example': { 'ed25519:1': 'abc' } },
};

const ids = (count: number): EventId[] => Array.from({ length: count }, (_, i): EventId => `$${i}`);
const verdict = (change: JsonObject, version = twelve) => {
  const result = checkEventFormat({ ...event, ...change }, version);
  return result.ok ? 'ok' : result.fault;
};
const without = (key: string) => Object.fromEntries(Object.entries(event).filter(([name]) => name !== key));

test('a sound event passes, with the canonical JSON that is stored', () => {
  const result = checkEventFormat(event, twelve);
  expect(result).toMatchObject({ ok: true, pdu: event });
  expect(result.ok && JSON.parse(result.json)).toEqual(event);
});

test('A3.3 unsigned does not pass: nobody has signed it', () => {
  const result = checkEventFormat({ ...event, unsigned: { redacted_because: {}, age: 1.5 } }, twelve);
  expect(result.ok && 'unsigned' in result.pdu).toBe(false);
});

test('malformed entries of signatures are left out, because they prove nothing about the event', () => {
  const signatures = { 'one.example': { 'ed25519:1': 'abc', 'ed25519:2': 5 }, evil: 1, worse: { a: {} } };
  const result = checkEventFormat({ ...event, signatures }, twelve);
  expect(result.ok && result.pdu.signatures).toEqual({ 'one.example': { 'ed25519:1': 'abc' } });
});

test('what is no object is no event', () => {
  for (const value of [null, undefined, 1, 'x', [], [event]]) expect(checkEventFormat(value, twelve).ok).toBe(false);
});

describe('keys of the wrong type', () => {
  test.each([
    'type',
    'room_id',
    'sender',
    'content',
    'depth',
    'origin_server_ts',
    'prev_events',
    'auth_events',
    'hashes',
    'signatures',
  ])('an event without %s is refused', (key) => {
    expect(checkEventFormat(without(key), twelve).ok).toBe(false);
  });

  test.each<[JsonObject]>([
    [{ type: 1 }],
    [{ type: 'a\u0000b' }],
    [{ state_key: null }],
    [{ state_key: 'a\u0000b' }],
    [{ sender: 'alice' }],
    [{ sender: null }],
    [{ content: [] }],
    [{ content: null }],
    [{ depth: '3' }],
    [{ depth: -1 }],
    [{ origin_server_ts: 'now' }],
    [{ prev_events: 'x' }],
    [{ prev_events: [1] }],
    [{ prev_events: ['abc'] }],
    [{ auth_events: [[`$${hash}`, {}]] }],
    [{ hashes: { sha256: 1 } }],
    [{ hashes: {} }],
    [{ signatures: [] }],
    [{ room_id: 'x' }],
  ])('%j is refused', (change) => {
    expect(verdict(change)).toBe('shape');
  });
});

describe('the room id', () => {
  test('has the form of the room version', () => {
    expect(verdict({ room_id: '!a:one.example' }, twelve)).toBe('shape');
    expect(verdict({ room_id: '!a:one.example' }, eleven)).toBe('ok');
    expect(verdict({}, eleven)).toBe('shape');
  });

  test('may be missing only from the create event, and only from version 12 on', () => {
    const create = { ...without('room_id'), type: 'm.room.create', state_key: '' };
    expect(checkEventFormat(create, twelve).ok).toBe(true);
    expect(checkEventFormat(create, eleven).ok).toBe(false);
    expect(checkEventFormat({ ...create, type: 'm.room.member' }, twelve).ok).toBe(false);
  });
});

describe('A1.5 numbers', () => {
  test.each(['1.5', '1.0', '1e2', '-0', '9007199254740992', '9223372036854775807'])(
    '%s is refused as content and as depth',
    (number) => {
      const sent = (text: string) => checkEventFormat(parsePeerJson(text), twelve);
      expect(sent(JSON.stringify(event)).ok).toBe(true);
      expect(sent(JSON.stringify(event).replace('"hello"', `[{"n":${number}}]`)).ok).toBe(false);
      expect(sent(JSON.stringify(event).replace('"depth":3', `"depth":${number}`)).ok).toBe(false);
    },
  );

  test('a depth of 2^53-1 is the largest', () => {
    expect(verdict({ depth: Number.MAX_SAFE_INTEGER })).toBe('ok');
  });
});

describe('limits', () => {
  test('A1.9 at most 20 prev_events and 10 auth_events', () => {
    expect(verdict({ prev_events: ids(20), auth_events: ids(10) })).toBe('ok');
    expect(verdict({ prev_events: ids(21) })).toBe('shape');
    expect(verdict({ auth_events: ids(11) })).toBe('shape');
  });

  test('type and state_key have at most 255 bytes', () => {
    expect(verdict({ type: 'a'.repeat(255), state_key: 'b'.repeat(255) })).toBe('ok');
    expect(verdict({ type: 'a'.repeat(256) })).toBe('size');
    expect(verdict({ state_key: 'ä'.repeat(128) })).toBe('size');
  });

  test('sender and event ids have at most 255 bytes', () => {
    expect(verdict({ sender: `@${'a'.repeat(255)}:one.example` })).toBe('shape');
    expect(verdict({ prev_events: [`$${'a'.repeat(255)}`] })).toBe('shape');
  });

  test('the whole event has at most 65,536 bytes of canonical JSON, signatures included', () => {
    const measured = checkEventFormat({ ...event, content: { body: '' } }, twelve);
    const room = 65_536 - (measured.ok ? Buffer.byteLength(measured.json) : 0);
    expect(verdict({ content: { body: 'x'.repeat(room) } })).toBe('ok');
    expect(verdict({ content: { body: 'x'.repeat(room + 1) } })).toBe('size');
    expect(verdict({ content: { body: 'ä'.repeat(room / 2 + 1) } })).toBe('size');
    expect(verdict({ signatures: { a: { b: 'x'.repeat(65_536) } } })).toBe('size');
  });

  test('nesting is limited below what any body may have', () => {
    const nested = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels));
    expect(verdict({ content: { a: nested(88) } })).toBe('ok');
    expect(verdict({ content: { a: nested(89) } })).toBe('shape');
  });
});
