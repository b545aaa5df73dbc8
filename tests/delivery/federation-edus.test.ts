import { expect, test } from 'vitest';
import { receiptEdus, typingEdu } from '../../server/src/delivery/federation-edus.ts';
import type { PendingReceipt } from '../../server/src/storage/federation-queue.ts';

function receipt(roomId: string, userId: string, eventId: string, threadId = ''): PendingReceipt {
  return { roomId: roomId as never, userId: userId as never, eventId: eventId as never, threadId, ts: 5, position: 1 };
}

test('receipts of many rooms and users are one EDU', () => {
  const receipts = [receipt('!a', '@x:s', '$1'), receipt('!a', '@y:s', '$2'), receipt('!b', '@x:s', '$3')];
  expect(receiptEdus(receipts)).toEqual([
    {
      edu_type: 'm.receipt',
      content: {
        '!a': {
          'm.read': { '@x:s': { data: { ts: 5 }, event_ids: ['$1'] }, '@y:s': { data: { ts: 5 }, event_ids: ['$2'] } },
        },
        '!b': { 'm.read': { '@x:s': { data: { ts: 5 }, event_ids: ['$3'] } } },
      },
    },
  ]);
});

test('receipts of one user in several threads of a room are as many EDUs', () => {
  const receipts = ['', 'main', '$root'].map((thread, i) => receipt('!a', '@x:s', `$${i}`, thread));
  expect(receiptEdus(receipts).map(({ content }) => content)).toEqual([
    { '!a': { 'm.read': { '@x:s': { data: { ts: 5 }, event_ids: ['$0'] } } } },
    { '!a': { 'm.read': { '@x:s': { data: { ts: 5, thread_id: 'main' }, event_ids: ['$1'] } } } },
    { '!a': { 'm.read': { '@x:s': { data: { ts: 5, thread_id: '$root' }, event_ids: ['$2'] } } } },
  ]);
});

test('no receipts are no EDU', () => {
  expect(receiptEdus([])).toEqual([]);
});

test('typing names room, user and whether', () => {
  expect(typingEdu('!a:s', '@x:s', true)).toEqual({
    edu_type: 'm.typing',
    content: { room_id: '!a:s', user_id: '@x:s', typing: true },
  });
});
