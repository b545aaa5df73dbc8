import { describe, expect, test } from 'vitest';
import type { JsonObject, JsonValue } from '../../server/src/protocol/json.ts';
import { redactEvent, redactionTarget } from '../../server/src/protocol/redaction.ts';
import { type RoomVersion, roomVersions } from '../../server/src/protocol/room-versions.ts';
import { fc } from '../harness/properties.ts';

const version = (id: string) => roomVersions.get(id) as RoomVersion;
const ten = version('10');
const eleven = version('11');
const twelve = version('12');

const contentAfter = (type: string, content: JsonObject, v: RoomVersion) => ({
  ...redactEvent({ type, content }, v).content,
});

describe('top-level keys', () => {
  const all = {
    event_id: '$a',
    type: 'X',
    room_id: '!r:one.example',
    sender: '@a:one.example',
    state_key: '',
    content: { a: 1 },
    hashes: { sha256: 'x' },
    signatures: {},
    depth: 1,
    prev_events: [],
    prev_state: [],
    auth_events: [],
    origin: 'one.example',
    origin_server_ts: 1,
    membership: 'join',
    redacts: '$b',
    unsigned: { age: 1 },
    'org.example.extra': 1,
  };

  test('up to version 10, origin, prev_state and membership are kept', () => {
    const { redacts, unsigned, 'org.example.extra': extra, ...kept } = all;
    expect({ ...redactEvent(all, ten) }).toEqual({ ...kept, content: {} });
  });

  test('from version 11 on they are not', () => {
    const { redacts, unsigned, 'org.example.extra': extra, origin, prev_state, membership, ...kept } = all;
    expect({ ...redactEvent(all, eleven) }).toEqual({ ...kept, content: {} });
  });

  test('keys that the event lacks are not made up', () => {
    expect(Object.keys(redactEvent({ type: 'X', content: {} }, twelve))).toEqual(['type', 'content']);
  });
});

describe('content', () => {
  const member = {
    membership: 'join',
    displayname: 'A',
    join_authorised_via_users_server: '@b:two.example',
    third_party_invite: { display_name: 'A', signed: { token: 't' } },
  };

  test('of m.room.member keeps the signed part of a third-party invite from version 11 on', () => {
    expect(contentAfter('m.room.member', member, version('8'))).toEqual({ membership: 'join' });
    expect(contentAfter('m.room.member', member, ten)).toEqual({
      membership: 'join',
      join_authorised_via_users_server: '@b:two.example',
    });
    expect(contentAfter('m.room.member', member, eleven)).toEqual({
      membership: 'join',
      join_authorised_via_users_server: '@b:two.example',
      third_party_invite: { signed: { token: 't' } },
    });
  });

  test('of m.room.member keeps a third-party invite that is an object, even without signed, and nothing else under that key', () => {
    expect(contentAfter('m.room.member', { third_party_invite: { a: 1 } }, eleven)).toEqual({ third_party_invite: {} });
    expect(contentAfter('m.room.member', { third_party_invite: 'x' }, eleven)).toEqual({});
  });

  test('of m.room.create keeps creator up to version 10 and everything after', () => {
    const content = { creator: '@a:one.example', 'm.federate': false, room_version: '11', extra: [1] };
    expect(contentAfter('m.room.create', content, ten)).toEqual({ creator: '@a:one.example' });
    expect(contentAfter('m.room.create', content, eleven)).toEqual(content);
  });

  test('of m.room.power_levels keeps invite from version 11 on, and never notifications', () => {
    const content = { ban: 50, invite: 50, notifications: { room: 50 }, users: { '@a:one.example': 100 } };
    expect(contentAfter('m.room.power_levels', content, ten)).toEqual({ ban: 50, users: { '@a:one.example': 100 } });
    expect(contentAfter('m.room.power_levels', content, twelve)).toEqual({
      ban: 50,
      invite: 50,
      users: { '@a:one.example': 100 },
    });
  });

  test.each([
    ['m.room.join_rules', { join_rule: 'restricted', allow: [], x: 1 }, { join_rule: 'restricted', allow: [] }],
    ['m.room.history_visibility', { history_visibility: 'shared', x: 1 }, { history_visibility: 'shared' }],
    ['m.room.aliases', { aliases: ['#a:b'] }, {}],
    ['m.room.message', { body: 'x' }, {}],
    ['m.room.redaction', { redacts: '$a', reason: 'x' }, { redacts: '$a' }],
    ['constructor', { name: 'x' }, {}],
  ])('of %s %j leaves %j in version 12', (type, before, after) => {
    expect(contentAfter(type, before as JsonObject, twelve)).toEqual(after);
  });

  test('a kept key that is only inherited is not there', () => {
    const content = Object.create({ membership: 'join' }) as JsonObject;
    expect(contentAfter('m.room.member', content, twelve)).toEqual({});
  });
});

test('redacting twice is redacting once, in every room version, and changes nothing in the original', () => {
  const types = [
    'm.room.member',
    'm.room.create',
    'm.room.join_rules',
    'm.room.power_levels',
    'm.room.aliases',
    'm.room.history_visibility',
    'm.room.redaction',
    'm.room.message',
  ];
  const keys = ['membership', 'creator', 'join_rule', 'allow', 'ban', 'users', 'third_party_invite', 'redacts', 'body'];
  const value: fc.Arbitrary<JsonValue> = fc.oneof(
    fc.integer(),
    fc.string(),
    fc.constant({ signed: { a: 1 }, display_name: 'x' } as JsonValue),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...types),
      fc.dictionary(fc.constantFrom(...keys), value),
      fc.dictionary(fc.oneof(fc.constantFrom('origin', 'unsigned', 'depth', '__proto__'), fc.string()), value),
      fc.constantFrom(...roomVersions.values()),
      (type, content, rest, v) => {
        const event = { ...rest, type, content } as { type: string; content: JsonObject };
        const before = JSON.stringify(event);
        const once = redactEvent(event, v);
        expect(redactEvent(once, v)).toEqual(once);
        expect(JSON.stringify(event)).toBe(before);
      },
    ),
  );
});

test('the target of a redaction stands at the top up to version 10 and in content after', () => {
  const event = { redacts: '$top' as const, content: { redacts: '$content' } };
  expect(redactionTarget(event, ten)).toBe('$top');
  expect(redactionTarget(event, eleven)).toBe('$content');
  expect(redactionTarget({ content: { redacts: 7 } }, eleven)).toBeUndefined();
  expect(redactionTarget({ content: {} }, ten)).toBeUndefined();
});
