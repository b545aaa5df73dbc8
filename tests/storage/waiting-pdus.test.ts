import { expect, test } from 'vitest';
import type { EventId } from '../../server/src/protocol/event.ts';
import { dueWaiting, keepWaitingPdu } from '../../server/src/storage/waiting-pdus.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();
const MINUTE = 60_000;
let events = 0;

async function wait(roomNid: number, origin: string, now: number): Promise<void> {
  const eventId: EventId = `$${events++}`;
  const awaited = { prevEvents: ['$missing'] as EventId[], authEvents: [] };
  await keepWaitingPdu(db, { roomNid, eventId, origin, json: '{}', ...awaited }, now);
}

test('A1.14 whoever brings many events that wait delays nobody: each server has one room at a time, that which waits longest', async () => {
  await Promise.all(Array.from({ length: 500 }, (_, n) => wait(100 - (n % 20), 'many.example', n)));
  await wait(7, 'few.example', 600);
  await wait(8, 'few.example', 601);
  expect(await dueWaiting(db, MINUTE - 1)).toEqual([]);
  const due = await dueWaiting(db, MINUTE + 600);
  expect(due.toSorted((a, b) => a.server.localeCompare(b.server))).toEqual([
    { roomNid: 7, server: 'few.example' },
    { roomNid: 100, server: 'many.example' },
  ]);
});
