import { describe, expect, test } from 'vitest';
import {
  eventPasses,
  type FilteredEvent,
  filterLimit,
  MAX_FILTER_ENTRIES,
  NO_FILTER,
  NO_ROOM_EVENT_FILTER,
  parseFilter,
  parseRoomEventFilter,
  roomEventPasses,
} from '../../server/src/protocol/filter.ts';

const room = '!room:one.example';
const message = { type: 'm.room.message', sender: '@alice:one.example', content: { body: 'x' } };
const passes = (filter: unknown, event: FilteredEvent = message, roomId = room) =>
  roomEventPasses(parseRoomEventFilter(filter), roomId, event);

test('no filter lets everything through, and has the defaults of the specification', () => {
  expect(roomEventPasses(NO_ROOM_EVENT_FILTER, room, message)).toBe(true);
  expect(eventPasses(NO_FILTER.presence, { type: 'm.presence', sender: '@a:b' })).toBe(true);
  expect(NO_FILTER).toMatchObject({ eventFields: undefined, eventFormat: 'client' });
  expect(NO_FILTER.room).toMatchObject({ includeLeave: false, rooms: undefined });
  expect(NO_FILTER.room.timeline).toMatchObject({
    limit: undefined,
    containsUrl: undefined,
    lazyLoadMembers: false,
    includeRedundantMembers: false,
    unreadThreadNotifications: false,
  });
});

describe('types', () => {
  test.each<[unknown, boolean]>([
    [{ types: ['m.room.message'] }, true],
    [{ types: ['m.room.*'] }, true],
    [{ types: ['*'] }, true],
    [{ types: ['m.room'] }, false],
    [{ types: ['M.ROOM.MESSAGE'] }, false],
    [{ types: ['m.room.messag?'] }, false],
    [{ types: [] }, false],
    [{ not_types: ['m.room.message'] }, false],
    [{ not_types: ['m.*'] }, false],
    [{ not_types: [] }, true],
    [{ types: ['m.room.message'], not_types: ['*.message'] }, false],
  ])('%j lets a message through: %s', (filter, through) => {
    expect(passes(filter)).toBe(through);
  });
});

describe('senders', () => {
  test.each<[unknown, boolean]>([
    [{ senders: ['@alice:one.example'] }, true],
    [{ senders: ['@bob:one.example'] }, false],
    [{ senders: ['*'] }, false],
    [{ senders: [] }, false],
    [{ not_senders: ['@alice:one.example'] }, false],
    [{ senders: ['@alice:one.example'], not_senders: ['@alice:one.example'] }, false],
  ])('%j lets Alice through: %s', (filter, through) => {
    expect(passes(filter)).toBe(through);
  });

  test('an event without sender passes unless senders are named', () => {
    expect(passes({ not_senders: ['@alice:one.example'] }, { type: 'm.typing' })).toBe(true);
    expect(passes({ senders: ['@alice:one.example'] }, { type: 'm.typing' })).toBe(false);
  });
});

describe('rooms', () => {
  test.each<[unknown, boolean]>([
    [{ rooms: [room] }, true],
    [{ rooms: ['!other:one.example'] }, false],
    [{ rooms: [] }, false],
    [{ not_rooms: [room] }, false],
    [{ rooms: [room], not_rooms: [room] }, false],
  ])('%j lets an event of the room through: %s', (filter, through) => {
    expect(passes(filter)).toBe(through);
  });

  test('a filter chooses among rooms before the filters in it do', () => {
    const filter = parseFilter({ room: { rooms: [room], not_rooms: ['!x:y'], timeline: { rooms: ['!z:y'] } } });
    expect(filter.room.allowsRoom(room)).toBe(true);
    expect(filter.room.allowsRoom('!z:y')).toBe(false);
    expect(filter.room.timeline.allowsRoom(room)).toBe(false);
    expect(filter.room.rooms).toEqual(new Set([room]));
  });
});

test('contains_url asks for a url in the content, or for none', () => {
  const file = { ...message, content: { url: 'mxc://a/b' } };
  expect(passes({ contains_url: true }, file)).toBe(true);
  expect(passes({ contains_url: true })).toBe(false);
  expect(passes({ contains_url: false }, file)).toBe(false);
  expect(passes({ contains_url: false })).toBe(true);
  expect(passes({ contains_url: false }, { type: 'm.typing' })).toBe(true);
});

test('related_by asks for one event that relates to this one by both type and sender', () => {
  const relations = [
    { relType: 'm.thread', sender: '@alice:one.example' },
    { relType: 'm.annotation', sender: '@bob:one.example' },
  ];
  const related = { ...message, relations };
  expect(passes({ related_by_rel_types: ['m.thread'] }, related)).toBe(true);
  expect(passes({ related_by_senders: ['@bob:one.example'] }, related)).toBe(true);
  expect(passes({ related_by_rel_types: ['m.thread'], related_by_senders: ['@bob:one.example'] }, related)).toBe(false);
  expect(passes({ related_by_rel_types: ['m.thread'] })).toBe(false);
});

test('A8.3 a limit is clamped by the server, which has one of its own where the filter says nothing', () => {
  expect(filterLimit(parseRoomEventFilter({ limit: 5 }), 10, 100)).toBe(5);
  expect(filterLimit(parseRoomEventFilter({ limit: 5_000_000 }), 10, 100)).toBe(100);
  expect(filterLimit(parseRoomEventFilter({}), 10, 100)).toBe(10);
  expect(filterLimit(parseRoomEventFilter({ limit: 0 }), 10, 100)).toBe(0);
});

test('all parts of a filter are read', () => {
  const filter = parseFilter({
    event_fields: ['content.body'],
    event_format: 'federation',
    presence: { not_types: ['*'] },
    account_data: { types: ['m.direct'] },
    room: {
      include_leave: true,
      ephemeral: { types: ['m.receipt'] },
      state: { lazy_load_members: true, include_redundant_members: true },
      timeline: { limit: 7, unread_thread_notifications: true },
      account_data: { types: ['m.tag'] },
    },
    'org.example.unknown': 1,
  });
  expect(filter).toMatchObject({ eventFields: ['content.body'], eventFormat: 'federation' });
  expect(filter.presence.allowsType('m.presence')).toBe(false);
  expect(filter.accountData.allowsType('m.direct')).toBe(true);
  expect(filter.room.includeLeave).toBe(true);
  expect(filter.room.ephemeral.allowsType('m.typing')).toBe(false);
  expect(filter.room.state).toMatchObject({ lazyLoadMembers: true, includeRedundantMembers: true });
  expect(filter.room.timeline).toMatchObject({ limit: 7, unreadThreadNotifications: true });
  expect(filter.room.accountData.allowsType('m.fully_read')).toBe(false);
});

describe('a filter with a key of the wrong type is M_BAD_JSON', () => {
  test.each([
    null,
    [],
    'x',
    { event_fields: 'x' },
    { event_format: 'xml' },
    { presence: [] },
    { room: 1 },
    { room: { timeline: null, include_leave: 1 } },
    { room: { include_leave: 'true' } },
    { room: { timeline: { limit: '1' } } },
    { room: { timeline: { limit: -1 } } },
    { room: { timeline: { limit: 1.5 } } },
    { room: { state: { types: [1] } } },
    { room: { state: { lazy_load_members: 'yes' } } },
    { room: { rooms: {} } },
    { room: { timeline: { types: Array(MAX_FILTER_ENTRIES + 1).fill('x') } } },
  ])('%j', (filter) => {
    expect(() => parseFilter(filter)).toThrow(expect.objectContaining({ errcode: 'M_BAD_JSON' }));
  });

  test('the message names the key', () => {
    expect(() => parseFilter({ room: { timeline: { limit: 'x' } } })).toThrow('room.timeline.limit');
  });
});
