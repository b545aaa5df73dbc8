import { describe, expect, it } from 'vitest';
import type { Pdu } from '../../server/src/protocol/event.ts';
import { type JsonObject, type JsonValue, NonCanonicalToken } from '../../server/src/protocol/json.ts';
import {
  actionPowerLevel,
  eventPowerLevel,
  notificationPowerLevel,
  type PowerLevel,
  type PowerLevelAction,
  parsePowerLevel,
  powerLevelsOf,
  roomCreators,
  statedTable,
  userPowerLevel,
} from '../../server/src/protocol/power-levels.ts';
import { type RoomVersion, roomVersions } from '../../server/src/protocol/room-versions.ts';

const version = (id: string) => roomVersions.get(id) as RoomVersion;
const creator = '@creator:a.example';
const create = (content: JsonObject = {}) => ({ type: 'm.room.create', sender: creator, content }) as unknown as Pdu;
const levels = (id: string, content: JsonObject | undefined, createContent?: JsonObject) =>
  powerLevelsOf(version(id), create(createContent), content && ({ content } as unknown as Pdu));

describe('power levels', () => {
  it.each([[undefined], [{}]])('A1.8 are the defaults where nothing sets them: %j', (content) => {
    const room = levels('12', content);
    expect(userPowerLevel(room, '@user:a.example')).toBe(0);
    expect(eventPowerLevel(room, 'm.room.message', false)).toBe(0);
    expect(eventPowerLevel(room, 'm.room.name', true)).toBe(50);
    const actions: [PowerLevelAction, number][] = [
      ['ban', 50],
      ['kick', 50],
      ['redact', 50],
      ['invite', 0],
    ];
    for (const [action, level] of actions) expect(actionPowerLevel(room, action)).toBe(level);
    expect(notificationPowerLevel(room, 'room')).toBe(50);
  });

  it('are what the event sets', () => {
    const room = levels('11', {
      users: { '@admin:a.example': 100 },
      users_default: 5,
      events: { 'm.room.name': 20, 'm.room.message': 10 },
      events_default: 1,
      state_default: 60,
      ban: 70,
      invite: -1,
      notifications: { room: 7 },
    });
    expect(userPowerLevel(room, '@admin:a.example')).toBe(100);
    expect(userPowerLevel(room, '@user:a.example')).toBe(5);
    expect(eventPowerLevel(room, 'm.room.name', true)).toBe(20);
    expect(eventPowerLevel(room, 'm.room.message', false)).toBe(10);
    expect(eventPowerLevel(room, 'm.reaction', false)).toBe(1);
    expect(eventPowerLevel(room, 'm.room.topic', true)).toBe(60);
    expect(actionPowerLevel(room, 'ban')).toBe(70);
    expect(actionPowerLevel(room, 'invite')).toBe(-1);
    expect(notificationPowerLevel(room, 'room')).toBe(7);
    expect(notificationPowerLevel(room, 'other')).toBe(50);
    expect([...statedTable(room, 'events')]).toEqual([
      ['m.room.name', 20],
      ['m.room.message', 10],
    ]);
  });

  it('do not take what every object inherits for an entry', () => {
    const room = levels('11', { users: {}, events: {}, notifications: {} });
    expect(eventPowerLevel(room, 'constructor', true)).toBe(50);
    expect(eventPowerLevel(room, '__proto__', false)).toBe(0);
    expect(notificationPowerLevel(room, 'toString')).toBe(50);
  });

  it('fall back to defaults where the event holds something else', () => {
    const room = levels('11', { users: null, users_default: '10', events: [], ban: 1.5, kick: {}, notifications: 3 });
    expect(userPowerLevel(room, creator)).toBe(0);
    expect(eventPowerLevel(room, 'm.room.name', true)).toBe(50);
    expect(actionPowerLevel(room, 'ban')).toBe(50);
    expect(actionPowerLevel(room, 'kick')).toBe(50);
    expect(notificationPowerLevel(room, 'room')).toBe(50);
  });
});

describe('creators', () => {
  const other = '@other:b.example';

  it('are content.creator in version 10, the sender in 11, and the additional creators too in 12', () => {
    const content = { creator: other, additional_creators: ['@third:c.example'] };
    expect([...roomCreators(version('10'), create(content))]).toEqual([other]);
    expect([...roomCreators(version('11'), create(content))]).toEqual([creator]);
    expect([...roomCreators(version('12'), create(content))]).toEqual([creator, '@third:c.example']);
  });

  it.each(['10', '11'])('have power 100 in version %s until there are power levels', (id) => {
    expect(userPowerLevel(levels(id, undefined, { creator }), creator)).toBe(100);
    expect(userPowerLevel(levels(id, {}, { creator }), creator)).toBe(0);
    expect(userPowerLevel(levels(id, { users: { [creator]: 40 } }, { creator }), creator)).toBe(40);
  });

  it('have infinite power in version 12, whatever power levels say', () => {
    const additional = { additional_creators: [other] };
    for (const content of [undefined, {}, { users: { [creator]: 0, [other]: 0 } }]) {
      expect(userPowerLevel(levels('12', content, additional), creator)).toBe(Number.POSITIVE_INFINITY);
      expect(userPowerLevel(levels('12', content, additional), other)).toBe(Number.POSITIVE_INFINITY);
    }
  });
});

describe('the form of a level', () => {
  type Read = PowerLevel | undefined;
  const sent = (source: string) => new NonCanonicalToken('number', source);
  const values: [JsonValue | undefined, Read, Read, Read][] = [
    // value, up to version 5, versions 6 to 9, from version 10 on
    [50, 50, 50, 50],
    [-1, -1, -1, -1],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    [sent('50.57'), 50, undefined, undefined],
    [sent('5.114698E4'), 51146, undefined, undefined],
    [sent('-0.5'), 0, undefined, undefined],
    [sent('1e300'), BigInt(1e300), undefined, undefined],
    [sent('9007199254740993'), 9007199254740993n, undefined, undefined],
    [sent('1e400'), undefined, undefined, undefined],
    [sent(`1${'0'.repeat(400)}`), undefined, undefined, undefined],
    [new NonCanonicalToken('depth', ''), undefined, undefined, undefined],
    [50.57, undefined, undefined, undefined],
    [Number.NaN, undefined, undefined, undefined],
    ['9007199254740993', 9007199254740993n, 9007199254740993n, undefined],
    ['100', 100, 100, undefined],
    ['000100', 100, 100, undefined],
    ['+100', 100, 100, undefined],
    [' -100\t', -100, -100, undefined],
    ['-0', 0, 0, undefined],
    ['1.0', undefined, undefined, undefined],
    ['1e2', undefined, undefined, undefined],
    ['0x10', undefined, undefined, undefined],
    ['', undefined, undefined, undefined],
    ['+', undefined, undefined, undefined],
    ['1 0', undefined, undefined, undefined],
    [`1${'0'.repeat(400)}`, undefined, undefined, undefined],
    [true, undefined, undefined, undefined],
    [null, undefined, undefined, undefined],
    [[1], undefined, undefined, undefined],
    [{}, undefined, undefined, undefined],
    [undefined, undefined, undefined, undefined],
  ];
  it.each(values)('A1.8 reads %j as %s up to version 5, %s up to 9, %s from 10 on', (value, early, middle, late) => {
    const read = (id: string) => parsePowerLevel(value, version(id).powerLevelForms);
    expect(['1', '5'].map(read)).toEqual([early, early]);
    expect(['6', '9'].map(read)).toEqual([middle, middle]);
    expect(['10', '12'].map(read)).toEqual([late, late]);
  });
});
