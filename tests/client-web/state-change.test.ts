import { describe, expect, test } from 'vitest';
import type { TimelineEvent } from '../../client-web/src/matrix/timeline-event.ts';
import { foldChanges, type StateChange, stateChangeOf } from '../../client-web/src/view-models/state-change.ts';

const person = (name: string) => ({ id: `@${name}:h`, name });

function member(sender: string, target: string, now: object, before?: object): TimelineEvent {
  return {
    key: '$e',
    eventId: '$e',
    type: 'm.room.member',
    stateKey: `@${target}:h`,
    sender: person(sender),
    target: person(target),
    timestamp: 0,
    content: { ...now },
    ...(before && { previousContent: { ...before } }),
    body: { kind: 'unsupported' },
    status: 'sent',
    isOwn: false,
    isEdited: false,
    reactions: [],
    readers: [],
    isHighlighted: false,
  };
}

describe('stateChangeOf', () => {
  test.each([
    ['joined', member('a', 'a', { membership: 'join' }, { membership: 'invite' })],
    ['left', member('a', 'a', { membership: 'leave' }, { membership: 'join' })],
    ['declined', member('a', 'a', { membership: 'leave' }, { membership: 'invite' })],
    ['invited', member('a', 'b', { membership: 'invite' })],
    ['withdrawn', member('a', 'b', { membership: 'leave' }, { membership: 'invite' })],
    ['removed', member('a', 'b', { membership: 'leave' }, { membership: 'join' })],
    ['banned', member('a', 'b', { membership: 'ban' }, { membership: 'join' })],
    ['unbanned', member('a', 'b', { membership: 'leave' }, { membership: 'ban' })],
    [
      'displayName',
      member('a', 'a', { membership: 'join', displayname: 'x' }, { membership: 'join', displayname: 'y' }),
    ],
  ])('tells %s', (kind, event) => {
    expect(stateChangeOf(event)?.kind).toBe(kind);
  });

  test('a profile that did not change is no change', () => {
    expect(stateChangeOf(member('a', 'a', { membership: 'join' }, { membership: 'join' }))).toBeUndefined();
  });

  test('permissions that come with the room are no change, later ones are', () => {
    const levels = { ...member('a', '', {}), type: 'm.room.power_levels', stateKey: '' };
    expect(stateChangeOf(levels)).toBeUndefined();
    expect(stateChangeOf({ ...levels, previousContent: {} })?.kind).toBe('permissions');
  });
});

describe('foldChanges', () => {
  const change = (kind: StateChange['kind'], actor: string, more: Partial<StateChange> = {}): StateChange => ({
    eventId: `$${actor}`,
    kind,
    actor: person(actor),
    timestamp: 0,
    ...more,
  });
  const words = (changes: StateChange[]): string[] =>
    foldChanges(changes).map(({ kind, people, actor, value }) =>
      [actor?.name, kind, people.map(({ name }) => name).join('+'), value].filter(Boolean).join(' '),
    );

  test('people who did the same are told together, each once', () => {
    expect(words([change('joined', 'a'), change('left', 'b'), change('joined', 'c'), change('joined', 'a')])).toEqual([
      'joined a+c',
      'left b',
    ]);
  });

  test('who acted is told while it is one person', () => {
    const by = (actor: string, target: string) => change('invited', actor, { target: person(target) });
    expect(words([by('a', 'b'), by('a', 'c')])).toEqual(['a invited b+c']);
    expect(words([by('a', 'b'), by('x', 'c')])).toEqual(['invited b+c']);
  });

  test('of several topics by one person the last is told', () => {
    expect(words([change('topic', 'a', { value: 'one' }), change('topic', 'a', { value: 'two' })])).toEqual([
      'topic a two',
    ]);
  });
});
