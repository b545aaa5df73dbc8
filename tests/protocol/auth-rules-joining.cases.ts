import { describe } from 'vitest';
import type { Event } from '../../server/src/protocol/event.ts';
import type { JsonValue } from '../../server/src/protocol/json.ts';
import { creator, type RoomSketch, TestRoom } from './room-builder.ts';
import { describeRule, inVersions, memberScene as scene, since } from './rule-cases.ts';

const alice = '@alice:a.example';
const bob = '@bob:b.example';
const carol = '@carol:c.example';

const join = { membership: 'join' };
const _invite = { membership: 'invite' };
const _leave = { membership: 'leave' };
const _ban = { membership: 'ban' };
const knock = { membership: 'knock' };
const members = (memberships: Record<string, JsonValue>): RoomSketch => ({ members: memberships });

describe('A1.8 rules for joining', () => {
  const first = ({ pdu }: Event) => {
    pdu.prev_events = ['$create'];
  };
  const alone = members({ [creator]: 'leave' });
  const creatorJoins = (change: (event: Event) => void) => scene({ members: {} }, creator, join, creator, change);
  describeRule({
    rule: since(1, '5.3.1'),
    gist: 'the creator joins right after the create event',
    allowed: {
      'the creator': (version) => {
        const { room, event } = creatorJoins(first)(version);
        room.state.delete(`m.room.member\u0000${creator}`);
        return { room, event };
      },
    },
    refused: {},
  });
  describeRule({
    rule: since(1, '5.3.7'),
    gist: 'nobody else joins by being first',
    allowed: {},
    refused: {
      'another user': scene(alone, alice, join, alice, first),
      'the creator later': scene(alone, creator, join),
      'the creator after more than the create event': scene(alone, creator, join, creator, ({ pdu }) => {
        pdu.prev_events = ['$create', '$other'];
      }),
    },
  });
  const withCreators: RoomSketch = { ...alone, create: { content: { creator: carol, additional_creators: [alice] } } };
  describeRule({
    rule: inVersions(1, 10, '5.3.1'),
    gist: 'the creator is content.creator',
    allowed: { 'content.creator': scene(withCreators, carol, join, carol, first) },
    refused: {},
  });
  describeRule({
    rule: inVersions(1, 10, '5.3.7'),
    gist: 'the sender of the create event is not the creator',
    allowed: {},
    refused: { 'the sender of the create event': scene(withCreators, creator, join, creator, first) },
  });
  describeRule({
    rule: since(11, '5.3.7'),
    gist: 'only the sender of the create event may be first',
    allowed: { 'the sender of the create event': scene(withCreators, creator, join, creator, first) },
    refused: {
      'content.creator': scene(withCreators, carol, join, carol, first),
      'an additional creator': scene(withCreators, alice, join, alice, first),
    },
  });

  describeRule({
    rule: since(1, '5.3.2'),
    gist: 'users join by themselves',
    allowed: { 'a join of the sender': scene({ joinRule: 'public' }, alice, join) },
    refused: {
      'a join of somebody else': scene({ joinRule: 'public' }, alice, join, creator),
      'a join of an invited user by the inviter': scene(members({ [alice]: 'invite' }), alice, join, creator),
    },
  });
  describeRule({
    rule: since(1, '5.3.3'),
    gist: 'a banned user does not join',
    allowed: { 'a user who was kicked': scene({ joinRule: 'public', members: { [alice]: 'leave' } }, alice, join) },
    refused: {
      'a banned user of a public room': scene({ joinRule: 'public', members: { [alice]: 'ban' } }, alice, join),
    },
  });
  const byInvitation: [string | undefined, number][] = [
    ['invite', 1],
    ['knock', 7],
    [undefined, 1],
  ];
  for (const [joinRule, first] of byInvitation) {
    const room = (membership?: string): RoomSketch => ({
      ...(joinRule && { joinRule }),
      members: membership ? { [alice]: membership } : {},
    });
    describeRule({
      rule: since(first, '5.3.4'),
      gist: `under join rule ${joinRule ?? '(none)'} one joins by invitation`,
      allowed: {
        'an invited user': scene(room('invite'), alice, join),
        'a member': scene(room('join'), alice, { ...join, displayname: 'Alice' }),
      },
      refused: {},
    });
    describeRule({
      rule: since(first, '5.3.7'),
      gist: `under join rule ${joinRule ?? '(none)'} nobody joins without invitation`,
      allowed: {},
      refused: {
        'a stranger': scene(room(), alice, join),
        'a user who left': scene(room('leave'), alice, join),
        'a user who knocks': scene(room('knock'), alice, join),
      },
    });
  }

  const authorised = (user: JsonValue) => ({ ...join, join_authorised_via_users_server: user });
  const restricted: [string, number][] = [
    ['restricted', 8],
    ['knock_restricted', 10],
  ];
  for (const [joinRule, first] of restricted) {
    const room = (membership: string | undefined, more: RoomSketch = {}): RoomSketch => ({
      joinRule,
      ...more,
      members: { ...more.members, ...(membership && { [alice]: membership }) },
    });
    const inviters = { powerLevels: { invite: 50, users: { [bob]: 50 } }, members: { [bob]: 'join', [carol]: 'join' } };
    describeRule({
      rule: since(first, '5.3.5.1'),
      gist: `under join rule ${joinRule} an invitation is enough`,
      allowed: {
        'an invited user': scene(room('invite'), alice, join),
        'a member': scene(room('join'), alice, join),
      },
      refused: {},
    });
    describeRule({
      rule: since(first, '5.3.5.3'),
      gist: `under join rule ${joinRule} an authorised join is allowed`,
      allowed: { 'an authorised join': scene(room('leave', inviters), alice, authorised(bob)) },
      refused: {},
    });
    describeRule({
      rule: since(first, '5.3.5.2'),
      gist: `under join rule ${joinRule} a member who may invite authorises the join`,
      allowed: {
        'a join that such a member authorised': scene(room('leave', inviters), alice, authorised(bob)),
        'a join of a stranger that such a member authorised': scene(room(undefined, inviters), alice, authorised(bob)),
      },
      refused: {
        'a join without authorisation': scene(room('leave', inviters), alice, join),
        'a member below the invite level': scene(room('leave', inviters), alice, authorised(carol)),
        'a user who is not in the room': scene(
          room('leave', { ...inviters, members: { [bob]: 'leave' } }),
          alice,
          authorised(bob),
        ),
        'a user who is unknown': scene(room('leave'), alice, authorised('@nobody:a.example')),
        'a value that is no string': scene(room('leave', inviters), alice, authorised([bob])),
      },
    });
  }
  const unknownJoinRules: [string, number][] = [
    ['knock', 6],
    ['restricted', 7],
    ['knock_restricted', 9],
  ];
  for (const [joinRule, last] of unknownJoinRules) {
    describeRule({
      rule: inVersions(1, last, '5.3.7'),
      gist: `nobody joins under join rule ${joinRule}, which is unknown`,
      allowed: {},
      refused: {
        'an invited user': scene({ joinRule, members: { [alice]: 'invite' } }, alice, join),
        'a join that a member authorised': scene({ joinRule }, alice, authorised(creator)),
      },
    });
  }
  describeRule({
    rule: { 12: '5.3.5.2' },
    gist: 'a creator may authorise whatever the invite level is',
    allowed: {
      'a join that the creator authorised': scene(
        { joinRule: 'restricted', powerLevels: { invite: 1000 } },
        alice,
        authorised(creator),
      ),
    },
    refused: {},
  });
  describeRule({
    rule: since(1, '5.3.6'),
    gist: 'everybody joins a public room',
    allowed: {
      'a stranger': scene({ joinRule: 'public' }, alice, join),
      'a user who left': scene({ joinRule: 'public', members: { [alice]: 'leave' } }, alice, join),
      'a user who knocks': scene({ joinRule: 'public', members: { [alice]: 'knock' } }, alice, join),
    },
    refused: {},
  });
  describeRule({
    rule: since(1, '5.3.7'),
    gist: 'nobody joins under an unknown join rule',
    allowed: {},
    refused: {
      private: scene({ joinRule: 'private', members: { [alice]: 'invite' } }, alice, join),
      'an unknown rule': scene({ joinRule: 'org.example.rule', members: { [alice]: 'invite' } }, alice, join),
      'a rule that is no string': (version) => {
        const room = new TestRoom(version, members({ [alice]: 'invite' }));
        room.set('m.room.join_rules', { join_rule: ['public'] });
        return { room, event: room.member(alice, join) };
      },
    },
  });
});

describe('A1.8 rules for knocking', () => {
  const open: [string, number][] = [
    ['knock', 7],
    ['knock_restricted', 10],
  ];
  for (const [joinRule, first] of open) {
    describeRule({
      rule: since(first, '5.7.1'),
      gist: `join rule ${joinRule} lets users knock`,
      allowed: { 'a stranger': scene({ joinRule }, alice, knock) },
      refused: {},
    });
  }
  describeRule({
    rule: since(7, '5.7.1'),
    gist: 'no other join rule lets users knock',
    allowed: {},
    refused: {
      public: scene({ joinRule: 'public' }, alice, knock),
      invite: scene({ joinRule: 'invite' }, alice, knock),
      restricted: scene({ joinRule: 'restricted' }, alice, knock),
      none: scene({}, alice, knock),
    },
  });
  describeRule({
    rule: inVersions(7, 9, '5.7.1'),
    gist: 'knock_restricted is unknown',
    allowed: {},
    refused: { 'a knock under it': scene({ joinRule: 'knock_restricted' }, alice, knock) },
  });
  describeRule({
    rule: inVersions(1, 6, '5.8'),
    gist: 'a knock is an unknown membership',
    allowed: {},
    refused: { 'a knock': scene({ joinRule: 'knock' }, alice, knock) },
  });
  describeRule({
    rule: since(7, '5.7.2'),
    gist: 'users knock by themselves',
    allowed: { 'a knock of the sender': scene({ joinRule: 'knock' }, alice, knock) },
    refused: { 'a knock of somebody else': scene({ joinRule: 'knock' }, alice, knock, creator) },
  });
  describeRule({
    rule: since(7, '5.7.3'),
    gist: 'who is outside may knock',
    allowed: {
      'a user who left': scene({ joinRule: 'knock', members: { [alice]: 'leave' } }, alice, knock),
      'a user who knocks already': scene({ joinRule: 'knock', members: { [alice]: 'knock' } }, alice, knock),
    },
    refused: {},
  });
  describeRule({
    rule: since(7, '5.7.4'),
    gist: 'nobody else knocks',
    allowed: {},
    refused: {
      'a member': scene({ joinRule: 'knock', members: { [alice]: 'join' } }, alice, knock),
      'an invited user': scene({ joinRule: 'knock', members: { [alice]: 'invite' } }, alice, knock),
      'a banned user': scene({ joinRule: 'knock', members: { [alice]: 'ban' } }, alice, knock),
    },
  });
});
