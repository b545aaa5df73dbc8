import { describe, expect, it } from 'vitest';
import { authorize } from '../../server/src/protocol/auth-rules.ts';
import { authEventIds, type Event, type UserId } from '../../server/src/protocol/event.ts';
import type { JsonObject } from '../../server/src/protocol/json.ts';
import { creator, type RoomSketch, TestRoom } from './room-builder.ts';
import { alike, allVersions, describeRule, judge, type Scene, since } from './rule-cases.ts';

const alice: UserId = '@alice:a.example';
const bob: UserId = '@bob:b.example';
const joined = { members: { [alice]: 'join', [bob]: 'join' } };

/** A create event with these keys, judged by the room that it makes. */
const createScene =
  (create: RoomSketch['create'] = {}) =>
  (version: string): Scene => {
    const room = new TestRoom(version, { create });
    return { room, event: room.create };
  };

const message = (room: TestRoom, sender: UserId = alice) =>
  room.event({ type: 'm.room.message', sender, content: { body: 'hello' } });

/** A message of Alice in a room like this one. */
const messageScene =
  (sketch: RoomSketch = joined, sender: UserId = alice) =>
  (version: string): Scene => {
    const room = new TestRoom(version, sketch);
    return { room, event: message(room, sender) };
  };

describe('A1.8 rules for m.room.create', () => {
  describeRule({
    rule: alike(1, 12, '1.1'),
    gist: 'a create event has no previous events',
    allowed: { 'one without': createScene() },
    refused: { 'one with a previous event': createScene({ prev_events: ['$before'] }) },
  });
  describeRule({
    rule: alike(1, 11, '1.2'),
    gist: "the room id has the sender's domain",
    allowed: {
      'the same domain': createScene(),
      'the same domain with a port': createScene({
        sender: '@creator:a.example:8448',
        room_id: '!room:a.example:8448',
      }),
    },
    refused: {
      'another domain': createScene({ room_id: '!room:b.example' }),
      'a room id without a domain': createScene({ room_id: '!room' }),
    },
  });
  describeRule({
    rule: { 12: '1.2' },
    gist: 'a create event has no room id',
    allowed: { 'one without': createScene() },
    refused: { 'one with a room id': createScene({ room_id: '!create' }) },
  });
  describeRule({
    rule: alike(1, 12, '1.3'),
    gist: 'the room version is a recognised one',
    allowed: {
      'the version of the room': createScene(),
      'no version': (version) => {
        const { room, event } = createScene()(version);
        delete event.pdu.content.room_version;
        return { room, event };
      },
    },
    refused: {
      'an unknown version': createScene({ content: { room_version: 'org.example.13' } }),
      'a number': createScene({ content: { room_version: 12 } }),
    },
  });
  const withoutCreator = (version: string) => {
    const scene = createScene()(version);
    delete scene.event.pdu.content.creator;
    return scene;
  };
  describeRule({
    rule: alike(1, 10, '1.4'),
    gist: 'the content names a creator',
    allowed: { 'one that does': createScene() },
    refused: { 'one that does not': withoutCreator },
  });
  describeRule({
    rule: { 12: '1.4' },
    gist: 'additional creators are an array of user ids',
    allowed: {
      'no additional creators': createScene(),
      'an empty array': createScene({ content: { additional_creators: [] } }),
      'user ids, also historical ones': createScene({ content: { additional_creators: [alice, '@Ünal:b.example'] } }),
    },
    refused: {
      'an object': createScene({ content: { additional_creators: {} } }),
      null: createScene({ content: { additional_creators: null } }),
      'a user id that is not in an array': createScene({ content: { additional_creators: alice } }),
      'something else in the array': createScene({ content: { additional_creators: [alice, 1] } }),
      'a user id without a server': createScene({ content: { additional_creators: ['@alice'] } }),
      'a user id that is too long': createScene({
        content: { additional_creators: [`@${'a'.repeat(250)}:b.example`] },
      }),
    },
  });
  describeRule({
    rule: { ...alike(1, 12, '1.5'), 11: '1.4' },
    gist: 'all other create events are allowed',
    allowed: { 'a plain one': createScene() },
    refused: {},
  });
  it.each(['11', '12'])('version %s rule 1.4 allows a create event without a creator', (version) => {
    const { room, event } = withoutCreator(version);
    expect(authorize(event, room.version, { create: undefined, event: () => undefined })).toEqual({ allowed: true });
  });
  it.each(allVersions.slice(0, -1))(
    'version %s rule 1.4 allows any additional_creators, which mean nothing there',
    (version) => {
      const { room, event } = createScene({ content: { additional_creators: 'nobody' } })(version);
      expect(authorize(event, room.version, { create: undefined, event: () => undefined })).toEqual({ allowed: true });
    },
  );
});

describe('A1.8 the rule for the room id', () => {
  const cited = (create: (room: TestRoom) => Event | undefined) => (version: string) => {
    const scene = messageScene()(version);
    return { ...scene, cites: { create: create(scene.room) } };
  };
  describeRule({
    rule: { 12: '2' },
    gist: 'the room id names an accepted create event',
    allowed: { 'that create event': cited((room) => room.create) },
    refused: {
      'a create event that is unknown or rejected': cited(() => undefined),
      'another create event': cited((room) => ({ ...room.create, eventId: '$other' })),
      'a state without create event': (version) => {
        const { room, event } = messageScene()(version);
        room.state.delete('m.room.create\u0000');
        return { room, event };
      },
    },
  });
  describeRule({
    rule: alike(1, 11, '2.4'),
    gist: 'there is a create event in the state',
    allowed: { 'a state that has one': messageScene() },
    refused: {
      'a state that has none': (version) => {
        const { room, event } = messageScene()(version);
        room.state.delete('m.room.create\u0000');
        return { room, event };
      },
    },
  });
});

describe('rules for the list of auth events', () => {
  /** A message that cites what it has to, changed by the test. */
  const cites =
    (
      change: (listed: { event: Event; rejected: boolean }[], room: TestRoom) => { event: Event; rejected: boolean }[],
    ) =>
    (version: string): Scene => {
      const { room, event } = messageScene({ ...joined, joinRule: 'public', powerLevels: {} })(version);
      const listed = authEventIds(event.pdu).map((id) => ({ event: room.find(id), rejected: false }));
      return { room, event, cites: { authEvents: change(listed, room) } };
    };
  const asSelected = cites((listed) => listed);
  const key = (type: string, stateKey = '') => `${type}\u0000${stateKey}` as const;
  const accepted = (event: Event | undefined) => ({ event: event as Event, rejected: false });

  describeRule({
    rule: since(1, '3.1'),
    gist: 'no two auth events have the same type and state key',
    allowed: { 'one of each': asSelected },
    refused: {
      'the same event twice': cites((listed) => [...listed, ...listed.slice(-1)]),
      'two events of the same type and state key': cites((listed, room) => [
        ...listed,
        accepted(room.event({ type: 'm.room.power_levels', sender: creator, state_key: '' })),
      ]),
    },
  });
  describeRule({
    rule: since(1, '3.2'),
    gist: 'auth events are those that the selection selects',
    allowed: {
      'the selected ones': asSelected,
      'fewer than could be selected': cites((listed) =>
        listed.filter(({ event }) => event.pdu.type !== 'm.room.power_levels'),
      ),
    },
    refused: {
      'a join rule for a message': cites((listed, room) => [
        ...listed,
        accepted(room.state.get(key('m.room.join_rules'))),
      ]),
      "somebody else's membership": cites((listed, room) => [
        ...listed,
        accepted(room.state.get(key('m.room.member', bob))),
      ]),
      'a message': cites((listed, room) => [...listed, accepted(message(room))]),
      'power levels that are not state': cites((listed, room) => [
        ...listed.filter(({ event }) => event.pdu.type !== 'm.room.power_levels'),
        accepted(room.event({ type: 'm.room.power_levels', sender: creator })),
      ]),
    },
  });
  describeRule({
    rule: { 12: '3.2' },
    gist: 'the create event is not among the auth events',
    allowed: { 'a list without it': asSelected },
    refused: { 'a list with it': cites((listed, room) => [...listed, accepted(room.create)]) },
  });
  describeRule({
    rule: since(1, '3.3'),
    gist: 'A1.10 no auth event was rejected',
    allowed: { 'accepted ones': asSelected },
    refused: { 'a rejected one': cites(([first, ...listed]) => [{ ...first, rejected: true } as never, ...listed]) },
  });
  describeRule({
    rule: alike(1, 11, '2.4'),
    gist: 'the create event is among the auth events',
    allowed: { 'a list with it': asSelected },
    refused: {
      'a list without it': cites((listed) => listed.filter(({ event }) => event.pdu.type !== 'm.room.create')),
      'an empty list': cites(() => []),
    },
  });
  describeRule({
    rule: since(1, '3.5'),
    gist: 'A1.9 no auth event is of another room',
    allowed: { 'events of the room': asSelected },
    refused: {
      'a membership in another room': cites((listed) =>
        listed.map(({ event, rejected }) =>
          event.pdu.type === 'm.room.member'
            ? { event: { ...event, roomId: '!other:a.example' }, rejected }
            : { event, rejected },
        ),
      ),
    },
  });

  it.each(allVersions)('version %s judges an event by the state that it cites, not by any other', (version) => {
    const room = new TestRoom(version, joined);
    const event = message(room);
    const cited = authEventIds(event.pdu).map((id) => accepted(room.find(id)));
    room.put(room.member(alice, { membership: 'leave' }));
    expect(judgeCited({ room, event, authEvents: cited })).toEqual({ allowed: true });
    expect(
      judgeCited({ room, event, authEvents: cited.filter((c) => c.event.pdu.type !== 'm.room.member') }),
    ).toMatchObject({
      allowed: false,
      rule: since(1, '6')[version],
    });
  });
});

describe('A1.8 the rule for rooms that do not federate', () => {
  const closed = (value: JsonObject) => ({ ...joined, create: { content: value } });
  describeRule({
    rule: since(1, '4'),
    gist: "in a room with m.federate false, senders are of the create event's sender's server",
    allowed: {
      'the same server': messageScene(closed({ 'm.federate': false })),
      'another server when m.federate is true': messageScene(closed({ 'm.federate': true }), bob),
      'another server when m.federate is absent': messageScene(joined, bob),
      'another server when m.federate is not a boolean': messageScene(closed({ 'm.federate': 'false' }), bob),
    },
    refused: {
      'another server': messageScene(closed({ 'm.federate': false }), bob),
      'a join from another server': (version) => {
        const room = new TestRoom(version, { joinRule: 'public', create: { content: { 'm.federate': false } } });
        return { room, event: room.member(bob, { membership: 'join' }) };
      },
    },
  });
});

describe('A1.8 rules for all other events', () => {
  describeRule({
    rule: since(1, '6'),
    gist: 'the sender is in the room',
    allowed: { 'a member': messageScene() },
    refused: {
      'a stranger': messageScene({}),
      'an invited user': messageScene({ members: { [alice]: 'invite' } }),
      'a user who left': messageScene({ members: { [alice]: 'leave' } }),
      'a banned user': messageScene({ members: { [alice]: 'ban' } }),
      'a member whose membership is no string': messageScene({ members: { [alice]: ['join'] } }),
    },
  });
  const threePid = (level: number) => (version: string) => {
    const room = new TestRoom(version, {
      ...joined,
      powerLevels: { invite: 50, events: { 'm.room.third_party_invite': 90 }, users: { [alice]: level } },
    });
    return {
      room,
      event: room.event({ type: 'm.room.third_party_invite', sender: alice, state_key: '@not-a-user', content: {} }),
    };
  };
  describeRule({
    rule: since(1, '7.1'),
    gist: 'third-party invites take the invite level, and nothing else',
    allowed: { 'a sender with the level': threePid(50) },
    refused: { 'a sender below the level': threePid(49) },
  });

  const typed =
    (powerLevels: JsonObject | undefined, type: string, stateKey?: string) =>
    (version: string): Scene => {
      const room = new TestRoom(version, { ...joined, ...(powerLevels && { powerLevels }) });
      return {
        room,
        event: room.event({ type, sender: alice, ...(stateKey === undefined ? {} : { state_key: stateKey }) }),
      };
    };
  describeRule({
    rule: since(1, '8'),
    gist: 'the sender has the level that the event type requires',
    allowed: {
      'a message by default': typed(undefined, 'm.room.message'),
      'a level that is just enough': typed(
        { events: { 'm.room.name': 30 }, users: { [alice]: 30 } },
        'm.room.name',
        '',
      ),
      'state with the default level': typed({ users: { [alice]: 50 } }, 'm.room.name', ''),
    },
    refused: {
      'a message when events_default is above the sender': typed({ events_default: 1 }, 'm.room.message'),
      'state by default': typed({}, 'm.room.name', ''),
      'state in a room without power levels': typed(undefined, 'm.room.power_levels', ''),
      'an event type above the sender': typed(
        { events: { 'm.room.message': 10 }, users: { [alice]: 9 } },
        'm.room.message',
      ),
      'a redaction when its event type is above the sender': typed(
        { events: { 'm.room.redaction': 1 } },
        'm.room.redaction',
      ),
    },
  });
  describeRule({
    rule: since(3, '8'),
    gist: 'a redaction needs the level of its event type and no other',
    allowed: { 'a redaction without the redact level': typed({ redact: 100 }, 'm.room.redaction') },
    refused: { 'one whose event type is above the sender': typed({ events_default: 1 }, 'm.room.redaction') },
  });
  describeRule({
    rule: since(6, '8'),
    gist: 'aliases are state like any other',
    allowed: { 'aliases of another server': typed({ state_default: 0 }, 'm.room.aliases', 'elsewhere.example') },
    refused: { 'aliases of the own server without the level': typed({}, 'm.room.aliases', 'a.example') },
  });
  it.each(allVersions)('version %s lets the creator set state in a room without power levels', (version) => {
    const room = new TestRoom(version);
    const event = room.event({ type: 'm.room.power_levels', sender: creator, state_key: '' });
    expect(
      authorize(event, room.version, { create: room.create, event: (t, k) => room.state.get(`${t}\u0000${k}`) }),
    ).toEqual({ allowed: true });
  });

  describeRule({
    rule: since(1, '9'),
    gist: 'a state key that is a user is the sender',
    allowed: {
      'the sender': typed({ state_default: 0 }, 'org.example.status', alice),
      'something else': typed({ state_default: 0 }, 'org.example.status', 'bob'),
    },
    refused: {
      'another user': typed({ state_default: 0 }, 'org.example.status', bob),
      'anything else that starts with an @': typed({ state_default: 0 }, 'org.example.status', '@'),
    },
  });
  describeRule({
    rule: since(1, '11'),
    gist: 'all other events are allowed',
    allowed: { 'a message': messageScene(), 'an event of an unknown type': typed({}, 'org.example.anything') },
    refused: {},
  });
});

function judgeCited({
  room,
  event,
  authEvents,
}: {
  room: TestRoom;
  event: Event;
  authEvents: { event: Event; rejected: boolean }[];
}) {
  return judge({ room, event, cites: { authEvents } });
}
