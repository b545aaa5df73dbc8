import { expect, test } from 'vitest';
import { authEventKeys } from '../../server/src/protocol/auth-events.ts';
import type { JsonObject } from '../../server/src/protocol/json.ts';
import { type RoomVersion, roomVersions } from '../../server/src/protocol/room-versions.ts';

const alice = '@alice:one.example' as const;
const bob = '@bob:two.example';

const keysOf = (event: { type: string; state_key?: string; content?: JsonObject }, version = '12') =>
  authEventKeys({ sender: alice, content: {}, ...event }, roomVersions.get(version) as RoomVersion).map((key) =>
    key.replace('\u0000', ' ').trim(),
  );
const member = (content: JsonObject, target = bob, version = '12') =>
  keysOf({ type: 'm.room.member', state_key: target, content }, version);

const base = ['m.room.power_levels', `m.room.member ${alice}`];

test('a create event has none', () => {
  expect(keysOf({ type: 'm.room.create', state_key: '' })).toEqual([]);
});

test('any event has power levels and the sender’s membership, and the create event up to version 11', () => {
  expect(keysOf({ type: 'm.room.message' })).toEqual(base);
  expect(keysOf({ type: 'm.room.message' }, '11')).toEqual(['m.room.create', ...base]);
});

test('a membership has the target’s, once if that is the sender', () => {
  expect(member({ membership: 'ban' })).toEqual([...base, `m.room.member ${bob}`]);
  expect(member({ membership: 'leave' }, alice)).toEqual(base);
});

test('join, invite and knock have the join rules; leave and ban do not', () => {
  for (const membership of ['join', 'invite', 'knock']) {
    expect(member({ membership }, alice), membership).toEqual([...base, 'm.room.join_rules']);
  }
  expect(member({ membership: 'leave' })).not.toContain('m.room.join_rules');
});

test('a third-party invite has the event of its token', () => {
  const content = { membership: 'invite', third_party_invite: { signed: { token: 'abc' } } };
  expect(member(content)).toContain('m.room.third_party_invite abc');
  expect(member({ ...content, membership: 'join' })).not.toContain('m.room.third_party_invite abc');
  for (const thirdPartyInvite of [null, 'x', {}, { signed: 1 }, { signed: { token: 1 } }] as JsonObject[]) {
    expect(member({ membership: 'invite', third_party_invite: thirdPartyInvite })).toHaveLength(4);
  }
});

test('a restricted join has the membership of who authorised it, from version 8 on', () => {
  const content = { membership: 'join', join_authorised_via_users_server: bob };
  expect(member(content, alice)).toContain(`m.room.member ${bob}`);
  expect(member(content, alice, '7')).not.toContain(`m.room.member ${bob}`);
  expect(member({ ...content, membership: 'invite' }, alice)).not.toContain(`m.room.member ${bob}`);
  expect(member({ ...content, join_authorised_via_users_server: 1 }, alice)).toHaveLength(3);
});

test('A1.9 no event needs more than the ten that are allowed', () => {
  const content = {
    membership: 'invite',
    third_party_invite: { signed: { token: 'abc' } },
    join_authorised_via_users_server: bob,
  };
  expect(member(content, '@carol:three.example', '11').length).toBeLessThanOrEqual(10);
});
