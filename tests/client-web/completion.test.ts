import { expect, test } from 'vitest';
import { completePeople, completeRooms } from '../../client-web/src/view-models/completion.ts';
import { buildEmojiSet, searchEmoji } from '../../client-web/src/view-models/emoji.ts';

const people = ['Ana Ribeiro', 'Ben', 'Zoë', 'Susana'].map((name, index) => ({ id: `@u${index}:h`, name }));
const names = (typed: string, canMentionRoom = false): string[] =>
  completePeople(people, typed, canMentionRoom).map((entry) =>
    entry.kind === 'person' ? entry.person.name : entry.key,
  );

test('people whose name begins with what was typed come first, then words, then parts', () => {
  expect(names('ana')).toEqual(['Ana Ribeiro', 'Susana']);
  expect(names('rib')).toEqual(['Ana Ribeiro']);
  expect(names('')).toHaveLength(4);
});

test('accents and case do not matter', () => {
  expect(names('ZOE')).toEqual(['Zoë']);
});

test('@room is offered to who may use it, never first for a name', () => {
  expect(names('roo', true)).toEqual(['@room']);
  expect(names('roo', false)).toEqual([]);
  expect(names('', true)).not.toContain('@room');
});

test('rooms are found by name and by address', () => {
  const rooms = [
    { id: '#design:h', name: 'Design' },
    { id: '#dev:h', name: 'Engineering' },
  ];
  expect(completeRooms(rooms, 'de').map((entry) => entry.key)).toEqual(['#design:h', '#dev:h']);
});

const set = buildEmojiSet(
  [
    { emoji: '😃', hexcode: '1F603', label: 'grinning face', tags: ['smile'], group: 0, order: 1, version: 1 },
    { emoji: '😄', hexcode: '1F604', label: 'smiling face', group: 0, order: 2, version: 1 },
    { emoji: '🏻', hexcode: '1F3FB', label: 'light skin tone', group: 2, order: 3, version: 1 },
    { emoji: '🫪', hexcode: '1FAEA', label: 'distorted face', group: 0, order: 4, version: 17 },
  ],
  { '1F603': 'smiley', '1F604': ['smile', 'happy'] },
  ['smileys'],
);

test('the exact short name comes first, and recent emoji win between equals', () => {
  expect(searchEmoji(set, 'smile', [], 5).map((one) => one.emoji)).toEqual(['😄', '😃']);
  expect(searchEmoji(set, 'smil', [], 5).map((one) => one.emoji)).toEqual(['😃', '😄']);
  expect(searchEmoji(set, 'smil', ['😄'], 5).map((one) => one.emoji)).toEqual(['😄', '😃']);
  expect(set.byShortcode.get('happy')).toBe('😄');
});

test('skin tones alone and emoji that systems do not have yet are left out', () => {
  expect(set.emoji.map((one) => one.emoji)).toEqual(['😃', '😄']);
});
