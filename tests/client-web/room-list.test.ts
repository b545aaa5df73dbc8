import { describe, expect, test } from 'vitest';
import type { RoomSummary } from '../../client-web/src/matrix/room-summary.ts';
import { countUnread, nothingUnread } from '../../client-web/src/matrix/unread.ts';
import { arrange } from '../../client-web/src/view-models/room-list.ts';
import { findRooms } from '../../client-web/src/view-models/switcher.ts';
import { roomSummary as room } from './room-summary.ts';

const mentioned = { level: 'mention', notifications: 3, mentions: 1 } as const;
const notified = { level: 'notification', notifications: 2, mentions: 0 } as const;

describe('the sections of the room list', () => {
  const names = (rooms: readonly RoomSummary[]) => rooms.map(({ name }) => name);

  test('show each room once, in the section that fits best', () => {
    const { sections } = arrange(
      [
        room('general', { isFavourite: true }),
        room('design'),
        room('Ben', { kind: 'direct', directUserId: '@ben:example.org' }),
        room('party', { isLowPriority: true }),
        room('offsite', { membership: 'invite' }),
      ],
      undefined,
    );
    expect(sections.map(({ id, rooms }) => [id, names(rooms)])).toEqual([
      ['invites', ['offsite']],
      ['favourites', ['general']],
      ['channels', ['design']],
      ['direct', ['Ben']],
      ['lowPriority', ['party']],
    ]);
  });

  test('leave out spaces, rooms that were left and rooms that were replaced', () => {
    const { sections, spaces } = arrange(
      [room('team', { kind: 'space' }), room('old', { membership: 'leave' }), room('v1', { isReplaced: true })],
      undefined,
    );
    expect(sections).toEqual([]);
    expect(spaces.map(({ name }) => name)).toEqual(['team']);
  });

  test('put the room with the latest message first', () => {
    const { order } = arrange([room('a', { lastActivity: 1 }), room('b', { lastActivity: 9 })], undefined);
    expect(order).toEqual(['!b:example.org', '!a:example.org']);
  });

  test('show only the rooms of the chosen space, and all invitations', () => {
    const space = room('team', { kind: 'space', spaceChildIds: ['!design:example.org'] });
    const { sections } = arrange(
      [space, room('design'), room('random'), room('offsite', { membership: 'invite' })],
      space.roomId,
    );
    expect(sections.flatMap(({ rooms }) => names(rooms))).toEqual(['offsite', 'design']);
  });

  test('count mentions in channels and every message in direct messages', () => {
    const { mentions, hasUnread } = arrange(
      [
        room('design', { unread: mentioned }),
        room('random', { unread: notified }),
        room('Ben', { kind: 'direct', unread: notified }),
      ],
      undefined,
    );
    expect(mentions).toBe(1 + 0 + 2);
    expect(hasUnread).toBe(true);
  });
});

describe('what is unread in a room', () => {
  const facts = {
    notifications: 0,
    mentions: 0,
    hasUnreadMessage: false,
    notificationLevel: 'all',
    isInvite: false,
  } as const;

  test('is nothing when there is nothing new', () => {
    expect(countUnread(facts)).toEqual(nothingUnread);
  });

  test('is activity when a message came that notifies nobody', () => {
    expect(countUnread({ ...facts, hasUnreadMessage: true, notificationLevel: 'mentions' }).level).toBe('activity');
  });

  test('is silent in a muted room, except for a mention', () => {
    expect(countUnread({ ...facts, notifications: 4, hasUnreadMessage: true, notificationLevel: 'mute' })).toEqual(
      nothingUnread,
    );
    expect(countUnread({ ...facts, mentions: 1, notificationLevel: 'mute' }).level).toBe('mention');
  });

  test('never counts fewer messages than mentions', () => {
    expect(countUnread({ ...facts, notifications: 1, mentions: 2 })).toEqual({
      level: 'mention',
      notifications: 2,
      mentions: 2,
    });
  });

  test('is one for an invitation', () => {
    expect(countUnread({ ...facts, isInvite: true })).toEqual({ level: 'mention', notifications: 1, mentions: 1 });
  });
});

describe('the switcher', () => {
  const rooms = [
    room('Design system'),
    room('product-design'),
    room('redesign'),
    room('Ana Désirée', { kind: 'direct', directUserId: '@ana:example.org' }),
    room('general', { canonicalAlias: '#design-talk:example.org' }),
  ];
  const find = (text: string, current?: string) => findRooms(rooms, text, current).map(({ name }) => name);

  test('puts names that begin with the text before those that contain it', () => {
    expect(find('des')).toEqual(['Design system', 'Ana Désirée', 'product-design', 'redesign', 'general']);
  });

  test('finds every word in any order and ignores accents', () => {
    expect(find('desi ana')).toEqual(['Ana Désirée']);
    expect(find('system nothing')).toEqual([]);
  });

  test('offers rooms with news first while nothing is typed, and not the one that is open', () => {
    const list = [room('quiet', { lastActivity: 9 }), room('loud', { unread: mentioned }), room('open')];
    expect(findRooms(list, '', '!open:example.org').map(({ name }) => name)).toEqual(['loud', 'quiet']);
  });

  test('takes what is typed literally', () => {
    expect(find('.*')).toEqual([]);
  });
});
