import { describe } from 'vitest';
import type { JsonObject, JsonValue } from '../../server/src/protocol/json.ts';
import { creator, type RoomSketch } from './room-builder.ts';
import { describeRule, inVersions, type Scene, memberScene as scene, since } from './rule-cases.ts';

const alice = '@alice:a.example';
const bob = '@bob:b.example';
const carol = '@carol:c.example';

const join = { membership: 'join' };
const invite = { membership: 'invite' };
const leave = { membership: 'leave' };
const ban = { membership: 'ban' };
const _knock = { membership: 'knock' };
const members = (memberships: Record<string, JsonValue>): RoomSketch => ({ members: memberships });

describe('A1.8 rules for every m.room.member', () => {
  describeRule({
    rule: since(1, '5.1'),
    gist: 'there are a state key and a membership',
    allowed: { 'an event with both': scene({ joinRule: 'public' }, alice, join) },
    refused: {
      'an event without membership': scene({ joinRule: 'public' }, alice, {}),
      'an event without state key': scene({ joinRule: 'public' }, alice, join, alice, ({ pdu }) => {
        delete pdu.state_key;
      }),
    },
  });
  describeRule({
    rule: since(1, '5.8'),
    gist: 'the membership is a known one',
    allowed: { join: scene({ joinRule: 'public' }, alice, join) },
    refused: {
      'an unknown membership': scene({ joinRule: 'public' }, alice, { membership: 'visit' }),
      null: scene({ joinRule: 'public' }, alice, { membership: null }),
      'an array': scene({ joinRule: 'public' }, alice, { membership: ['join'] }),
    },
  });

  const cited =
    (
      signers: string[],
      content: JsonObject,
      sketch: RoomSketch = { joinRule: 'restricted', members: { [bob]: 'join' } },
    ) =>
    (version: string): Scene => ({ ...scene(sketch, alice, content)(version), cites: { signers } });
  describeRule({
    rule: since(8, '5.2.1'),
    gist: 'the server of join_authorised_via_users_server has signed',
    allowed: {
      'a join signed by it': cited(['a.example', 'b.example'], { ...join, join_authorised_via_users_server: bob }),
      'a join without the key': cited(['a.example'], join, { joinRule: 'public' }),
      'a leave signed by it': cited(
        ['a.example', 'b.example'],
        { ...leave, join_authorised_via_users_server: bob },
        {
          members: { [alice]: 'join' },
        },
      ),
    },
    refused: {
      'a join that it has not signed': cited(['a.example'], { ...join, join_authorised_via_users_server: bob }),
      'a leave that it has not signed': cited(
        ['a.example'],
        { ...leave, join_authorised_via_users_server: bob },
        {
          members: { [alice]: 'join' },
        },
      ),
      'a value that is no user id': cited(['a.example', 'b.example'], {
        ...join,
        join_authorised_via_users_server: 'b.example',
      }),
      'a value that is no string': cited(['a.example'], { ...join, join_authorised_via_users_server: null }),
    },
  });
});

describe('A1.8 rules for inviting', () => {
  const room = (target: string | undefined, more: RoomSketch = {}): RoomSketch => ({
    ...more,
    members: { [bob]: 'join', ...(target && { [alice]: target }), ...more.members },
  });
  describeRule({
    rule: since(1, '5.4.2'),
    gist: 'the inviter is in the room',
    allowed: { 'a member': scene(room(undefined), alice, invite, bob) },
    refused: {
      'a stranger': scene(room(undefined), alice, invite, carol),
      'an invited user': scene(room(undefined, members({ [bob]: 'invite' })), alice, invite, bob),
    },
  });
  describeRule({
    rule: since(1, '5.4.3'),
    gist: 'the invited user is neither in the room nor banned',
    allowed: {
      'a stranger': scene(room(undefined), alice, invite, bob),
      'a user who left': scene(room('leave'), alice, invite, bob),
      'a user who knocks': scene(room('knock'), alice, invite, bob),
      'a user who is invited already': scene(room('invite'), alice, invite, bob),
    },
    refused: {
      'a member': scene(room('join'), alice, invite, bob),
      'a banned user': scene(room('ban'), alice, invite, bob),
    },
  });
  const levels = (level: number): RoomSketch => ({ powerLevels: { invite: 30, users: { [bob]: level } } });
  describeRule({
    rule: since(1, '5.4.4'),
    gist: 'the inviter has the invite level',
    allowed: {
      'a member with the level': scene(room(undefined, levels(30)), alice, invite, bob),
      'any member where no level is set': scene(room(undefined, { powerLevels: {} }), alice, invite, bob),
    },
    refused: {},
  });
  describeRule({
    rule: since(1, '5.4.5'),
    gist: 'nobody invites without the invite level',
    allowed: {},
    refused: { 'a member below the level': scene(room(undefined, levels(29)), alice, invite, bob) },
  });
});

describe('A1.8 rules for leaving, kicking and unbanning', () => {
  describeRule({
    rule: since(1, '5.5.1'),
    gist: 'who is in the room, invited or knocking may leave',
    allowed: {
      'a member': scene(members({ [alice]: 'join' }), alice, leave),
      'an invited user': scene(members({ [alice]: 'invite' }), alice, leave),
    },
    refused: {
      'a stranger': scene({}, alice, leave),
      'a user who left': scene(members({ [alice]: 'leave' }), alice, leave),
      'a banned user': scene(members({ [alice]: 'ban' }), alice, leave),
    },
  });
  describeRule({
    rule: since(7, '5.5.1'),
    gist: 'who knocks may take it back',
    allowed: { 'a user who knocks': scene(members({ [alice]: 'knock' }), alice, leave) },
    refused: {},
  });
  describeRule({
    rule: inVersions(1, 6, '5.5.1'),
    gist: 'a knock means nothing',
    allowed: {},
    refused: { 'a user who would knock': scene(members({ [alice]: 'knock' }), alice, leave) },
  });
  const levels: RoomSketch = {
    powerLevels: { kick: 40, ban: 60, users: { [bob]: 50, [carol]: 50 } },
    members: { [alice]: 'join', [bob]: 'join', [carol]: 'join' },
  };
  const inRoom = (change: RoomSketch) => ({
    ...levels,
    ...change,
    members: { ...levels.members, ...change.members },
    powerLevels: { ...levels.powerLevels, ...change.powerLevels },
  });
  describeRule({
    rule: since(1, '5.5.2'),
    gist: 'who removes somebody else is in the room',
    allowed: { 'a member with power': scene(levels, alice, leave, bob) },
    refused: { 'a user with power who left': scene(inRoom(members({ [bob]: 'leave' })), alice, leave, bob) },
  });
  describeRule({
    rule: since(1, '5.5.3'),
    gist: 'an unban takes the ban level',
    allowed: {
      'a sender with both levels': scene(
        inRoom({ ...members({ [alice]: 'ban' }), powerLevels: { ban: 50 } }),
        alice,
        leave,
        bob,
      ),
    },
    refused: { 'a sender with the kick level only': scene(inRoom(members({ [alice]: 'ban' })), alice, leave, bob) },
  });
  describeRule({
    rule: since(1, '5.5.4'),
    gist: 'a kick takes the kick level and more power than the target',
    allowed: {
      'a kick by such a sender': scene(levels, alice, leave, bob),
      'an invitation withdrawn by such a sender': scene(inRoom(members({ [alice]: 'invite' })), alice, leave, bob),
      'a kick with just the kick level': scene(inRoom({ powerLevels: { kick: 50 } }), alice, leave, bob),
      'a kick of a stranger': scene(levels, '@stranger:a.example', leave, bob),
    },
    refused: {},
  });
  describeRule({
    rule: since(1, '5.5.5'),
    gist: 'nobody else removes users',
    allowed: {},
    refused: {
      'a sender below the kick level': scene(inRoom({ powerLevels: { kick: 51 } }), alice, leave, bob),
      'a target of the same level': scene(levels, carol, leave, bob),
      'a target of a higher level': scene(
        inRoom({ powerLevels: { users: { [bob]: 50, [alice]: 51 } } }),
        alice,
        leave,
        bob,
      ),
      'an unban with the ban level but not the kick level': scene(
        inRoom({ ...members({ [alice]: 'ban' }), powerLevels: { ban: 50, kick: 51 } }),
        alice,
        leave,
        bob,
      ),
    },
  });
  describeRule({
    rule: { 12: '5.5.5' },
    gist: 'nobody removes a creator',
    allowed: {},
    refused: {
      'the highest level': scene(
        inRoom({ powerLevels: { users: { [bob]: Number.MAX_SAFE_INTEGER } } }),
        creator,
        leave,
        bob,
      ),
      'another creator': scene(
        { create: { content: { additional_creators: [alice] } }, members: { [alice]: 'join' } },
        creator,
        leave,
        alice,
      ),
    },
  });
  describeRule({
    rule: { 12: '5.5.4' },
    gist: 'an additional creator removes anybody else',
    allowed: {
      'a user of the highest level': scene(
        {
          create: { content: { additional_creators: [alice] } },
          members: { [alice]: 'join', [bob]: 'join' },
          powerLevels: { kick: Number.MAX_SAFE_INTEGER, users: { [bob]: Number.MAX_SAFE_INTEGER } },
        },
        bob,
        leave,
        alice,
      ),
    },
    refused: {},
  });
});

describe('A1.8 rules for banning', () => {
  const levels: RoomSketch = {
    powerLevels: { kick: 0, ban: 50, users: { [bob]: 50, [carol]: 50 } },
    members: { [alice]: 'join', [bob]: 'join', [carol]: 'join' },
  };
  describeRule({
    rule: since(1, '5.6.1'),
    gist: 'who bans is in the room',
    allowed: { 'a member with power': scene(levels, alice, ban, bob) },
    refused: { 'a user with power who left': scene({ ...levels, members: { [bob]: 'leave' } }, alice, ban, bob) },
  });
  describeRule({
    rule: since(1, '5.6.2'),
    gist: 'a ban takes the ban level and more power than the target',
    allowed: {
      'a ban of a member': scene(levels, alice, ban, bob),
      'a ban of a stranger': scene(levels, '@stranger:a.example', ban, bob),
      'a ban of a banned user': scene({ ...levels, members: { [bob]: 'join', [alice]: 'ban' } }, alice, ban, bob),
    },
    refused: {},
  });
  describeRule({
    rule: since(1, '5.6.3'),
    gist: 'nobody else bans',
    allowed: {},
    refused: {
      'a sender below the ban level': scene(
        { ...levels, powerLevels: { ban: 51, users: { [bob]: 50 } } },
        alice,
        ban,
        bob,
      ),
      'a sender without power in a room without power levels': scene(
        { members: levels.members ?? {} },
        alice,
        ban,
        bob,
      ),
      'a target of the same level': scene(levels, carol, ban, bob),
      'the sender': scene(levels, bob, ban, bob),
    },
  });
});
