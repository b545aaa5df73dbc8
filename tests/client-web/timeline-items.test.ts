import { describe, expect, test } from 'vitest';
import type { TimelineEvent } from '../../client-web/src/matrix/timeline-event.ts';
import { projectTimeline, reuseItems, type TimelineItem } from '../../client-web/src/view-models/timeline-items.ts';

const MINUTE = 60_000;
const NOON = Date.UTC(2026, 10, 20, 12);
const options = { isComplete: true, utcOffsetMinutes: () => 0 };

let count = 0;
function message(sender: string, minute: number, more: Partial<TimelineEvent> = {}): TimelineEvent {
  count += 1;
  return {
    key: `$${count}`,
    eventId: `$${count}`,
    type: 'm.room.message',
    sender: { id: `@${sender}:x`, name: sender },
    timestamp: NOON + minute * MINUTE,
    content: {},
    body: { kind: 'text', style: 'plain', text: 'hi' },
    status: 'sent',
    isOwn: sender === 'me',
    isEdited: false,
    reactions: [],
    readers: [],
    isHighlighted: false,
    ...more,
  };
}

function membership(sender: string, minute: number, membershipNow: string, before?: string): TimelineEvent {
  return message(sender, minute, {
    type: 'm.room.member',
    stateKey: `@${sender}:x`,
    target: { id: `@${sender}:x`, name: sender },
    content: { membership: membershipNow },
    body: { kind: 'unsupported' },
    ...(before && { previousContent: { membership: before } }),
  });
}

const shape = (items: readonly TimelineItem[]): string[] =>
  items.map((item) => {
    if (item.kind === 'message') return `${item.event.sender.name}${item.startsGroup ? '*' : ''}`;
    if (item.kind === 'changes') {
      return item.phrases.map((p) => `${p.people.map((person) => person.name).join('+')} ${p.kind}`).join(', ');
    }
    return item.kind;
  });

describe('projectTimeline', () => {
  test('groups messages of one sender that are at most five minutes apart', () => {
    const events = [message('ana', 0), message('ana', 5), message('ana', 11), message('ben', 11), message('ana', 12)];
    expect(shape(projectTimeline(events, options))).toEqual(['day', 'ana*', 'ana', 'ana*', 'ben*', 'ana*']);
  });

  test('draws a line at each new day, in local time', () => {
    const events = [message('ana', 0), message('ana', 11 * 60), message('ana', 13 * 60)];
    expect(shape(projectTimeline(events, options))).toEqual(['day', 'ana*', 'ana*', 'day', 'ana*']);
    const east = { isComplete: true, utcOffsetMinutes: () => 120 };
    expect(shape(projectTimeline(events, east))).toEqual(['day', 'ana*', 'day', 'ana*', 'ana*']);
  });

  test('an event with an earlier clock draws no line for the day before', () => {
    const events = [message('ana', 0), message('ben', -24 * 60)];
    expect(shape(projectTimeline(events, options))).toEqual(['day', 'ana*', 'ben*']);
  });

  test('folds neighbouring state changes into one row of phrases', () => {
    const events = [
      message('me', 0),
      membership('ana', 1, 'join'),
      membership('ben', 2, 'join'),
      membership('cid', 3, 'leave', 'join'),
      message('me', 4),
    ];
    expect(shape(projectTimeline(events, options))).toEqual(['day', 'me*', 'ana+ben joined, cid left', 'me*']);
  });

  test('leaves out events without words: reactions, redactions, unchanged profiles, unknown types', () => {
    const events = [
      message('ana', 0),
      message('ben', 0, { type: 'm.reaction', body: { kind: 'unsupported' } }),
      message('ben', 0, { type: 'org.example.data', body: { kind: 'unsupported' } }),
      membership('ana', 1, 'join', 'join'),
      message('ana', 1),
    ];
    expect(shape(projectTimeline(events, options))).toEqual(['day', 'ana*', 'ana']);
  });

  test('says nothing of the state that set the room up', () => {
    const state = (type: string) => message('ana', 0, { type, stateKey: '', body: { kind: 'unsupported' } });
    const events = [
      state('m.room.create'),
      membership('ana', 0, 'join'),
      state('m.room.power_levels'),
      state('m.room.name'),
      membership('ben', 1, 'join'),
      message('ana', 2),
    ];
    expect(shape(projectTimeline(events, options))).toEqual(['day', 'ben joined', 'ana*']);
  });

  test('the New line stands before the first message of someone else after the read marker', () => {
    const events = [message('ana', 0), message('me', 1), message('ben', 2), message('ben', 3)];
    const readUpTo = events[0]?.eventId ?? '';
    expect(shape(projectTimeline(events, { ...options, readUpTo }))).toEqual([
      'day',
      'ana*',
      'me*',
      'new',
      'ben*',
      'ben',
    ]);
    expect(shape(projectTimeline(events, { ...options, readUpTo: events[3]?.eventId ?? '' }))).not.toContain('new');
  });

  test('adding history on top changes no row that was already there', () => {
    const events = Array.from({ length: 60 }, (_, i) =>
      i % 9 === 4 ? membership(`p${i}`, i * 40, 'join') : message(i % 3 ? 'ana' : 'ben', i * (i % 4 ? 1 : 40)),
    );
    for (let cut = 1; cut < 58; cut += 1) {
      const partial = { ...options, isComplete: false };
      const before = projectTimeline(events.slice(cut), partial);
      const after = new Map(projectTimeline(events, partial).map((item) => [item.key, item]));
      for (const item of before) {
        if (item.kind === 'changes') expect(after.get(item.key)?.kind).toBe('changes');
        else expect(after.get(item.key)).toEqual(item);
      }
    }
  });
});

test('reuseItems keeps the rows that did not change', () => {
  const events = [message('ana', 0), message('ana', 1)];
  const first = projectTimeline(events, options);
  const second = reuseItems(first, projectTimeline([...events, message('ana', 2)], options));
  expect(second.slice(0, 3).every((item, i) => item === first[i])).toBe(true);
});
