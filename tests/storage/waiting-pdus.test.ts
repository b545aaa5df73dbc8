import { expect, test } from 'vitest';
import type { EventId } from '../../server/src/protocol/event.ts';
import {
  dueWaiting,
  keepWaitingPdu,
  postponeWaiting,
  putBackWaitingPdu,
  takeWaitingPdus,
  type WaitingPdu,
} from '../../server/src/storage/waiting-pdus.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();
const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;
let events = 0;

async function wait(roomNid: number, origin: string, now: number, more: Partial<WaitingPdu> = {}): Promise<EventId> {
  const { eventId = `$${events++}` } = more;
  const awaited = { prevEvents: ['$missing'] as EventId[], authEvents: [] };
  await keepWaitingPdu(db, { roomNid, origin, json: '{}', ...awaited, ...more, eventId }, now);
  return eventId;
}

test('A1.14 whoever brings many events that wait delays nobody: each server has one room at a time, that which waits longest', async () => {
  // Not all at once: on a slow machine the last would not be given a connection in time.
  for (let n = 0; n < 500; n += 20)
    await Promise.all(Array.from({ length: 20 }, (_, i) => wait(100 - i, 'many.example', n + i)));
  await wait(7, 'few.example', 600);
  await wait(8, 'few.example', 601);
  expect(await dueWaiting(db, MINUTE - 1)).toEqual([]);
  const due = await dueWaiting(db, MINUTE + 600);
  expect(due.toSorted((a, b) => a.server.localeCompare(b.server))).toEqual([
    { roomNid: 7, server: 'few.example' },
    { roomNid: 100, server: 'many.example' },
  ]);
});

test('an event that is put back has not been looked at, and is due again in a minute', async () => {
  const eventId = await wait(9, 'back.example', 0);
  const waiting = { eventId, origin: 'back.example' };
  for (let now = MINUTE; now <= 7 * MINUTE; now += MINUTE) {
    expect(await takeWaitingPdus(db, 9, 'back.example', now - 1)).toEqual([]);
    expect(await takeWaitingPdus(db, 9, 'back.example', now)).toMatchObject([{ ...waiting, isLastTry: false }]);
    await putBackWaitingPdu(db, 9, waiting, now);
  }
});

test('those that wait for longest come first, however often they have been looked at', async () => {
  const early = await wait(10, 'turns.example', 0);
  expect(await takeWaitingPdus(db, 10, 'turns.example', MINUTE)).toMatchObject([{ eventId: early, isTooOld: false }]);
  const later: EventId[] = [];
  for (let n = 0; n < 5; n++) later.unshift(await wait(10, 'turns.example', 3 * MINUTE - n));
  const due = await takeWaitingPdus(db, 10, 'turns.example', 5 * MINUTE);
  expect(due.map(({ eventId }) => eventId)).toEqual([early, ...later]);
});

test('of more than fifty of one server and room the oldest is let go', async () => {
  const kept: EventId[] = [];
  for (let n = 0; n <= 50; n++) kept.push(await wait(13, 'full.example', n, { eventId: `$full${99 - n}` }));
  const due: EventId[] = [];
  for (let round = 0; round < 3; round++)
    for (const { eventId } of await takeWaitingPdus(db, 13, 'full.example', MINUTE + 50)) due.push(eventId);
  expect(due).toEqual(kept.slice(1));
});

test('A1.1 a server that brings too many loses its own, and not what another has brought of the same', async () => {
  const eventId = '$of both';
  for (const origin of ['honest.example', 'flood.example']) await wait(14, origin, 0, { eventId });
  for (let n = 1; n <= 50; n++) await wait(14, 'flood.example', n);
  const left = async (origin: string) => (await takeWaitingPdus(db, 14, origin, MINUTE)).map((due) => due.eventId);
  expect(await left('honest.example')).toEqual([eventId]);
  expect(await left('flood.example')).not.toContain(eventId);
});

test('what a server has brought that cannot be asked is due as soon as it can, and what waits for a key is put off by none', async () => {
  const key = { serverName: 'key.example', keyIds: ['ed25519:1'], validAt: undefined };
  const put = await wait(11, 'away.example', 0);
  const lacksKey = await wait(11, 'away.example', 0, { key });
  await postponeWaiting(db, new Map([['away.example', 10 * MINUTE]]), MINUTE - 1);
  await postponeWaiting(db, new Map([['away.example', 10 * MINUTE]]), MINUTE);
  const takenAt = async (now: number) =>
    (await takeWaitingPdus(db, 11, 'away.example', now)).map(({ eventId }) => eventId);
  expect(await takenAt(MINUTE)).toEqual([lacksKey]);
  expect(await takenAt(5 * MINUTE)).toEqual([lacksKey]);
  expect(await takenAt(11 * MINUTE - 1)).toEqual([]);
  expect(await takenAt(11 * MINUTE)).toEqual([put]);
});

test('what has waited for a week is put off no more, and has waited for long enough', async () => {
  const eventId = await wait(12, 'gone.example', 0);
  for (const now of [MINUTE, 7 * DAY - 1]) await postponeWaiting(db, new Map([['gone.example', MINUTE]]), now);
  const take = (now: number) => takeWaitingPdus(db, 12, 'gone.example', now);
  expect(await take(7 * DAY - 1)).toEqual([]);
  expect(await take(7 * DAY + MINUTE - 2)).toEqual([]);
  await postponeWaiting(db, new Map([['gone.example', MINUTE]]), 7 * DAY + MINUTE - 1);
  expect(await take(7 * DAY + MINUTE - 1)).toMatchObject([{ eventId, isLastTry: false, isTooOld: true }]);
});
