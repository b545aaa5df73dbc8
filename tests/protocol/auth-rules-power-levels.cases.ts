import { describe } from 'vitest';
import type { UserId } from '../../server/src/protocol/event.ts';
import { type JsonObject, type JsonValue, NonCanonicalToken } from '../../server/src/protocol/json.ts';
import { creator, type RoomSketch, TestRoom } from './room-builder.ts';
import { describeRule, inVersions, type Scene, since } from './rule-cases.ts';

const alice: UserId = '@alice:a.example';
const bob = '@bob:b.example';
const carol = '@carol:c.example';

/** Alice changes the power levels of a room from these to those. She has level 50, and that is enough to send them. */
const change =
  (before: JsonObject, after: JsonObject, sender = alice) =>
  (version: string): Scene => {
    const common = { events: { 'm.room.power_levels': 50 }, users: { [alice]: 50 } };
    const merged = (content: JsonObject) => ({
      ...common,
      ...content,
      events: { ...common.events, ...(content.events as JsonObject) },
      users: { ...common.users, ...(content.users as JsonObject) },
    });
    const room = new TestRoom(version, { members: { [alice]: 'join' }, powerLevels: merged(before) });
    return { room, event: powerLevels(room, merged(after), sender) };
  };

/** The creator sets the first power levels. */
const first =
  (content: JsonObject, create: RoomSketch['create'] = {}) =>
  (version: string): Scene => {
    const room = new TestRoom(version, { create });
    return { room, event: powerLevels(room, content, creator) };
  };

function powerLevels(room: TestRoom, content: JsonObject, sender: UserId) {
  return room.event({ type: 'm.room.power_levels', sender, state_key: '', content });
}

const singleLevels = ['users_default', 'events_default', 'state_default', 'ban', 'redact', 'kick', 'invite'];
const sent = (source: string) => new NonCanonicalToken('number', source);
const notIntegers: JsonValue[] = ['50', 50.5, null, true, [50], {}];

describe('A1.8 rules for the form of m.room.power_levels', () => {
  describeRule({
    rule: since(10, '10.1'),
    gist: 'single levels are integers',
    allowed: {
      'no levels': first({}),
      integers: first(Object.fromEntries(singleLevels.map((key, i) => [key, i - 3]))),
    },
    refused: Object.fromEntries(
      singleLevels.flatMap((key) =>
        notIntegers.map((value) => [`${key} ${JSON.stringify(value)}`, first({ [key]: value })]),
      ),
    ),
  });
  describeRule({
    rule: since(10, '10.2'),
    gist: 'events and notifications are objects of integers',
    allowed: {
      'objects of integers': first({ events: { 'm.room.name': 50 }, notifications: { room: -1 } }),
      'empty objects': first({ events: {}, notifications: {} }),
    },
    refused: Object.fromEntries(
      ['events', 'notifications'].flatMap((key) =>
        [50, null, [], [50], { x: '50' }, { x: 1.5 }, { x: null }].map((value) => [
          `${key} ${JSON.stringify(value)}`,
          first({ [key]: value as JsonValue }),
        ]),
      ),
    ),
  });
  describeRule({
    rule: since(1, '10.3'),
    gist: 'users is an object of user ids and integers',
    allowed: {
      'user ids': first({ users: { [alice]: 50, '@Ünal:b.example:8448': -5 } }),
      'an empty object': first({ users: {} }),
    },
    refused: {
      null: first({ users: null }),
      'an array': first({ users: [] }),
      'a key that is no user id': first({ users: { alice: 50 } }),
      'a user id without a server': first({ users: { '@alice': 50 } }),
      'a user id with a bad server': first({ users: { '@alice:': 50 } }),
      'a level that is null': first({ users: { [alice]: null } }),
      'a level that is no number': first({ users: { [alice]: 'admin' } }),
    },
  });
  describeRule({
    rule: since(10, '10.3'),
    gist: 'levels of users are not strings',
    allowed: { 'an integer': first({ users: { [alice]: 50 } }) },
    refused: { 'a string': first({ users: { [alice]: '50' } }), 'an array': first({ users: { [alice]: [50] } }) },
  });
  describeRule({
    rule: since(6, '10.3'),
    gist: 'levels of users are not floats',
    allowed: {},
    refused: { 'a float': first({ users: { [alice]: sent('50.5') } }) },
  });
  describeRule({
    rule: inVersions(1, 9, '10.3'),
    gist: 'levels of users may be strings',
    allowed: { 'a string': first({ users: { [alice]: ' +050 ' } }) },
    refused: { 'a string that is no integer': first({ users: { [alice]: '50.5' } }) },
  });
  describeRule({
    rule: inVersions(1, 5, '10.3'),
    gist: 'levels of users may be floats',
    allowed: { 'a float': first({ users: { [alice]: sent('50.5') } }) },
    refused: { 'a float beyond all numbers': first({ users: { [alice]: sent('1e400') } }) },
  });
  describeRule({
    rule: inVersions(1, 9, '10.5'),
    gist: 'other levels may have any form',
    allowed: { 'all kinds of things': first({ ban: 'never', events: [], notifications: { room: '50' }, kick: null }) },
    refused: {},
  });
  describeRule({
    rule: { 12: '10.4' },
    gist: 'creators are not among users',
    allowed: { 'other users': first({ users: { [alice]: 100 } }) },
    refused: {
      'the sender of the create event': first({ users: { [creator]: 100 } }),
      'an additional creator': first({ users: { [bob]: 100 } }, { content: { additional_creators: [bob] } }),
      'a creator by a later change': change({}, { users: { [creator]: 50 } }),
    },
  });
  describeRule({
    rule: since(1, '10.5'),
    gist: 'the first power levels may be any',
    allowed: {
      'levels above everybody': first({ ban: 1000, users: { [alice]: 1000 }, events: { 'm.room.name': 1000 } }),
    },
    refused: {},
  });
  describeRule({
    rule: inVersions(1, 11, '10.5'),
    gist: 'creators may be among users',
    allowed: { 'the creator': first({ users: { [creator]: 100 } }) },
    refused: {},
  });
});

describe('A1.8 rules for changes of power levels', () => {
  const each = (cases: (field: string) => [string, (version: string) => Scene][]) =>
    Object.fromEntries(
      singleLevels.flatMap((field) => cases(field).map(([title, scene]) => [`${field} ${title}`, scene])),
    );
  describeRule({
    rule: since(1, '10.6.1'),
    gist: "the current value of a single level is not above the sender's",
    allowed: each((field) => [
      ['lowered from just as high', change({ state_default: 50, [field]: 50 }, { state_default: 50, [field]: 40 })],
      ['left alone however high', change({ events_default: 0, [field]: 99 }, { events_default: 0, [field]: 99 })],
      ['added at or below the level it had by default', change({}, { [field]: 10 })],
      ['removed to a default it may have', change({ [field]: 10 }, {})],
    ]),
    refused: each((field) => [
      ['lowered from above', change({ [field]: 51 }, { [field]: 50 })],
      ['removed from above', change({ [field]: 51 }, {})],
    ]),
  });
  describeRule({
    rule: since(1, '10.6.2'),
    gist: "the new value of a single level is not above the sender's",
    allowed: each((field) => [
      ['raised to just as high', change({ [field]: 10 }, { [field]: 50 })],
      ['added just as high', change({}, { [field]: 50 })],
    ]),
    refused: each((field) => [
      ['raised above', change({ [field]: 10 }, { [field]: 51 })],
      ['added above', change({}, { [field]: 51 })],
    ]),
  });

  /** Bob has less power than the default of some levels. */
  const small = (before: JsonObject, after: JsonObject) => (version: string) => {
    const common = { events: { 'm.room.power_levels': 25 }, users: { [alice]: 25 } };
    const room = new TestRoom(version, { members: { [alice]: 'join' }, powerLevels: { ...common, ...before } });
    return { room, event: powerLevels(room, { ...common, ...after }, alice) };
  };
  describeRule({
    rule: since(1, '10.6.1'),
    gist: 'a level that was absent had its default',
    allowed: { 'an invite level, by default 0': small({}, { invite: 10 }) },
    refused: {
      'a ban level, by default 50': small({}, { ban: 10 }),
      'a state_default, by default 50': small({}, { state_default: 10 }),
    },
  });
  describeRule({
    rule: since(1, '10.6.2'),
    gist: 'a level that is removed gets its default',
    allowed: { 'an invite level, by default 0': small({ invite: 10 }, {}) },
    refused: { 'a kick level, by default 50': small({ kick: 10 }, {}) },
  });

  const entries = (tables: string[], cases: (table: string) => [string, (version: string) => Scene][]) =>
    Object.fromEntries(
      tables.flatMap((table) => cases(table).map(([title, scene]) => [`${table}: an entry ${title}`, scene])),
    );
  const checked: [string[], number][] = [
    [['events'], 1],
    [['notifications'], 6],
  ];
  for (const [tables, first] of checked) {
    describeRule({
      rule: since(first, '10.7.1'),
      gist: `the current value of a changed or removed entry of ${tables} is not above the sender's`,
      allowed: entries(tables, (table) => [
        ['lowered from just as high', change({ [table]: { x: 50 } }, { [table]: { x: 1 } })],
        ['removed from just as high', change({ [table]: { x: 50 } }, {})],
        ['left alone however high', change({ [table]: { x: 99 } }, { [table]: { x: 99 } })],
      ]),
      refused: entries(tables, (table) => [
        ['lowered from above', change({ [table]: { x: 51 } }, { [table]: { x: 50 } })],
        ['removed from above', change({ [table]: { x: 51 } }, {})],
        ['removed with its table', change({ [table]: { x: 51 } }, { [table]: {} })],
      ]),
    });
    describeRule({
      rule: since(first, '10.8.1'),
      gist: `the new value of an added or changed entry of ${tables} is not above the sender's`,
      allowed: entries(tables, (table) => [
        ['raised to just as high', change({ [table]: { x: 1 } }, { [table]: { x: 50 } })],
        ['added just as high', change({}, { [table]: { x: 50 } })],
        ['called constructor', change({}, { [table]: { constructor: 50 } })],
      ]),
      refused: entries(tables, (table) => [
        ['raised above', change({ [table]: { x: 1 } }, { [table]: { x: 51 } })],
        ['added above', change({}, { [table]: { x: 51 } })],
        ['called constructor, added above', change({}, { [table]: { constructor: 51 } })],
      ]),
    });
  }
  describeRule({
    rule: inVersions(1, 5, '10.11'),
    gist: 'levels of notifications may be changed by anybody',
    allowed: {
      'a level above': change({ notifications: { room: 99 } }, {}),
      'a new level above': change({}, { notifications: { room: 99 } }),
    },
    refused: {},
  });
  describeRule({
    rule: inVersions(1, 9, '10.11'),
    gist: 'another spelling of a level is no change',
    allowed: {
      'a string for an integer': change(
        { ban: 99, events: { x: 99 }, users: { [bob]: 99 } },
        { ban: '99', events: { x: '+99' }, users: { [bob]: '099' } },
      ),
    },
    refused: {},
  });
  describeRule({
    rule: inVersions(1, 9, '10.6.2'),
    gist: 'levels are compared as numbers, not as text',
    allowed: { 'a string below': change({}, { ban: '9' }) },
    refused: { 'a string above': change({}, { ban: ' +0051' }) },
  });
  describeRule({
    rule: inVersions(1, 5, '10.10.1'),
    gist: 'floats count as far as the decimal point',
    allowed: { 'a float that is cut': change({}, { users: { [bob]: sent('50.99') } }) },
    refused: { 'a float above': change({}, { users: { [bob]: sent('51.01') } }) },
  });
  describeRule({
    rule: since(1, '10.9.1'),
    gist: "the current level of another user is below the sender's, if it is changed or removed",
    allowed: {
      'a lower user raised': change({ users: { [bob]: 49 } }, { users: { [bob]: 50 } }),
      'a lower user removed': change({ users: { [bob]: 49 } }, {}),
      'an equal user left alone': change({ users: { [bob]: 50 } }, { users: { [bob]: 50 }, ban: 40 }),
      'the sender lowered': change({}, { users: { [alice]: 10 } }),
    },
    refused: {
      'an equal user lowered': change({ users: { [bob]: 50 } }, { users: { [bob]: 10 } }),
      'an equal user removed': change({ users: { [bob]: 50 } }, {}),
      'a higher user lowered': change({ users: { [carol]: 99 } }, { users: { [carol]: 50 } }),
    },
  });
  describeRule({
    rule: since(1, '10.10.1'),
    gist: "the new level of a user is not above the sender's",
    allowed: { 'a user added just as high': change({}, { users: { [bob]: 50 } }) },
    refused: {
      'a user added above': change({}, { users: { [bob]: 51 } }),
      'a lower user raised above': change({ users: { [bob]: 10 } }, { users: { [bob]: 51 } }),
      'the sender raised': change({}, { users: { [alice]: 51 } }),
    },
  });
  describeRule({
    // Version 12 has two rules 10.10; this is the second.
    rule: { ...inVersions(1, 11, '10.11'), 12: '10.10' },
    gist: 'all other changes are allowed',
    allowed: {
      'no change': change({ ban: 99 }, { ban: 99 }),
      'an unknown key': change({}, { 'org.example.key': 'any' }),
    },
    refused: {},
  });
  describeRule({
    rule: { 12: '10.6.1' },
    gist: 'a creator changes any level',
    allowed: {
      'levels above everybody': (version) => {
        const most = Number.MAX_SAFE_INTEGER;
        const room = new TestRoom(version, { powerLevels: { ban: most, users: { [bob]: most }, events: { x: most } } });
        return { room, event: powerLevels(room, { ban: 0, users: { [bob]: 0 }, events: { x: 0 } }, creator) };
      },
    },
    refused: {},
  });
});
