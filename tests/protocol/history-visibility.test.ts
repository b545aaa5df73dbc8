import { describe, expect, test } from 'vitest';
import {
  type HistoryVisibility,
  historyVisibility,
  mayViewEvent,
  strongestMembership,
} from '../../server/src/protocol/history-visibility.ts';

const sees = (visibility: HistoryVisibility, membership: string | undefined, joinedSince = false) =>
  mayViewEvent({ visibility, membership }, { visibility, membership }, joinedSince);

describe('an ordinary event', () => {
  const memberships = ['join', 'invite', 'knock', 'leave', 'ban', undefined];
  test.each<[HistoryVisibility, boolean, (string | undefined)[]]>([
    ['world_readable', false, memberships],
    ['world_readable', true, memberships],
    ['shared', false, ['join']],
    ['shared', true, memberships],
    ['invited', false, ['join', 'invite']],
    ['invited', true, ['join', 'invite']],
    ['joined', false, ['join']],
    ['joined', true, ['join']],
  ])(
    'that was sent while history was %s, joined since: %s, is seen with membership %j',
    (visibility, since, allowed) => {
      expect(memberships.filter((membership) => sees(visibility, membership, since))).toEqual(allowed);
    },
  );
});

test('A3.2 who left sees nothing that came after, unless all the world does', () => {
  for (const visibility of ['shared', 'invited', 'joined'] as const) expect(sees(visibility, 'leave')).toBe(false);
  expect(sees('world_readable', 'leave')).toBe(true);
});

describe('a change of history visibility is seen by whom it would be before or after', () => {
  test.each<[HistoryVisibility, HistoryVisibility, boolean]>([
    ['world_readable', 'joined', true],
    ['joined', 'world_readable', true],
    ['joined', 'invited', false],
  ])('from %s to %s, by a stranger: %s', (from, to, seen) => {
    const membership = undefined;
    expect(mayViewEvent({ visibility: from, membership }, { visibility: to, membership }, false)).toBe(seen);
  });
});

describe('a user’s own membership is seen by whom it would be before or after', () => {
  test.each<[string | undefined, string, boolean]>([
    [undefined, 'join', true],
    ['join', 'leave', true],
    ['join', 'ban', true],
    [undefined, 'invite', false],
    ['leave', 'ban', false],
  ])('from %s to %s while history is joined: %s', (from, to, seen) => {
    const visibility = 'joined';
    expect(mayViewEvent({ visibility, membership: from }, { visibility, membership: to }, false)).toBe(seen);
  });
});

test('visibility is shared when the event is missing or says nothing known', () => {
  for (const content of [undefined, null, {}, { history_visibility: 'public' }, { history_visibility: ['joined'] }]) {
    expect(historyVisibility(content)).toBe('shared');
  }
  expect(historyVisibility({ history_visibility: 'joined' })).toBe('joined');
});

test('a server sees what its user with the strongest membership sees', () => {
  expect(strongestMembership(['leave', 'invite', 'join', undefined])).toBe('join');
  expect(strongestMembership(['leave', 'invite'])).toBe('invite');
  expect(strongestMembership(['leave', 'ban', 'knock', undefined])).toBeUndefined();
  expect(strongestMembership([])).toBeUndefined();
});
