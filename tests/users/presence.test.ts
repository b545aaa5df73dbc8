import { afterAll, expect, test } from 'vitest';
import type { UserId } from '../../server/src/protocol/event.ts';
import { LogFollower, notify } from '../../server/src/storage/log-follower.ts';
import { openPresence, PRESENCE_CHANNEL, PRESENCE_TOKEN, type Presence } from '../../server/src/users/presence.ts';
import { testClock } from '../harness/test-clock.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase({ poolSize: 10 });
const clock = testClock();
const ALICE = '@alice:x' as UserId;
const BOB = '@bob:x' as UserId;

const stops: (() => unknown)[] = [];
afterAll(async () => {
  for (const stop of stops) await stop();
});
const onError = (error: unknown) => {
  throw error;
};

/** What each process has heard, from itself too. */
const heardBy: string[][] = [];

/** Presence as a process of its own sees it. `onHeard` is called each time it has heard something, from itself too. */
async function process(onHeard: (presence: Presence) => void = () => {}): Promise<Presence> {
  const follower = await LogFollower.start(db, [PRESENCE_CHANNEL], onError);
  const heard: string[] = [];
  heardBy.push(heard);
  follower.onMessage(PRESENCE_CHANNEL, (payload) => heard.push(payload));
  const presence = await openPresence(db, follower, clock, onError);
  follower.onMessage(PRESENCE_CHANNEL, () => onHeard(presence));
  stops.unshift(() => presence.stop());
  stops.push(() => follower.stop());
  return presence;
}

/** A process that starts after the others, when two of them have told it what they know. */
async function lateProcess(): Promise<Presence> {
  const late = await process();
  const heard = heardBy.at(-1) ?? [];
  await expect.poll(() => heard.length - heard.indexOf('ask')).toBeGreaterThan(2);
  await settle();
  return late;
}

let marks = 0;

/** Waits until every process has heard all that was said. */
async function settle(): Promise<void> {
  const mark = `["mark ${marks++}"]`;
  await notify(db, PRESENCE_CHANNEL, mark);
  await expect.poll(() => heardBy.every((heard) => heard.includes(mark))).toBe(true);
}

/** Lets time pass that is longer than anything is on its way. */
async function advance(ms: number): Promise<void> {
  await settle();
  clock.advance(ms);
}

const statusesOfAlice = new Set<string | undefined>();
const one = await process((presence) => statusesOfAlice.add(presence.of(ALICE)?.statusMsg));
const other = await process();

test('what a user sets is seen at once where it was set, and soon everywhere', async () => {
  expect(one.of(ALICE)).toBeUndefined();
  await one.set(ALICE, 'online', 'at lunch\0 😀');
  expect(one.of(ALICE)).toEqual({ presence: 'online', statusMsg: 'at lunch\0 😀', lastActiveAgoMs: 0 });
  await expect.poll(() => other.of(ALICE)).toEqual(one.of(ALICE));
});

test('a process that starts later asks the others', async () => {
  await other.set(BOB, 'unavailable', undefined);
  const late = await lateProcess();
  await expect.poll(() => [late.of(ALICE)?.presence, late.of(BOB)?.presence]).toEqual(['online', 'unavailable']);
});

test('changes are told after a token, also after that of another process', async () => {
  await advance(60_000);
  const token = one.token();
  expect(token).toMatch(PRESENCE_TOKEN);
  expect(one.changedSince(token)).toEqual([]);
  expect(one.changedSince(undefined).sort()).toEqual([ALICE, BOB]);
  await other.set(ALICE, 'online', 'back');
  await expect.poll(() => one.of(ALICE)?.statusMsg).toBe('back');
  await advance(60_000);
  const between = other.token();
  await one.set(BOB, 'offline', undefined);
  await expect.poll(() => other.of(BOB)?.presence).toBe('offline');
  expect(one.changedSince(token).sort()).toEqual([ALICE, BOB]);
  expect(one.changedSince(between)).toContain(BOB);
  expect(one.changedSince(undefined)).toEqual([ALICE]);
  await advance(60_000);
  await one.set(BOB, 'unavailable', undefined);
  await expect.poll(() => other.of(BOB)?.presence).toBe('unavailable');
  const latest = other.token();
  expect(one.changedSince(latest)).toEqual([BOB]);
  const own = one.token();
  await one.syncing(ALICE, 'online');
  expect(one.changedSince(own)).toEqual([]);
});

test('syncing makes a user online and keeps the status; a client that syncs as offline does not count', async () => {
  await one.set(ALICE, 'offline', 'away');
  await one.syncing(ALICE, 'offline');
  expect(one.of(ALICE)?.presence).toBe('offline');
  await one.syncing(ALICE, 'online');
  expect(one.of(ALICE)).toMatchObject({ presence: 'online', statusMsg: 'away' });
});

test('what one process said before does not undo what a user did since, here or there', async () => {
  const first = one.set(ALICE, 'offline', 'older');
  clock.advance(10);
  const second = one.set(ALICE, 'online', 'newer');
  statusesOfAlice.clear();
  await Promise.all([first, second]);
  await other.set(BOB, 'online', 'hears it in the same order');
  await expect.poll(() => one.of(BOB)?.statusMsg).toBe('hears it in the same order');
  expect([...statusesOfAlice]).toEqual(['newer']);
  expect(other.of(ALICE)?.statusMsg).toBe('newer');

  const late = other.set(ALICE, 'online', 'from the other');
  clock.advance(10);
  const latest = one.set(ALICE, 'online', 'latest');
  await Promise.all([late, latest]);
  await expect.poll(() => [one, other].map((process) => process.of(ALICE)?.statusMsg)).toEqual(['latest', 'latest']);
});

test('a user who syncs no more is offline after four minutes, in every process', async () => {
  await one.syncing(ALICE, 'online');
  await expect.poll(() => other.of(ALICE)?.presence).toBe('online');
  await advance(200_000);
  await one.syncing(ALICE, 'online');
  expect(one.of(ALICE)?.lastActiveAgoMs).toBe(200_000);
  await advance(200_000);
  expect(one.of(ALICE)?.presence).toBe('online');
  const token = one.token();
  await advance(50_000);
  expect(one.of(ALICE)?.presence).toBe('offline');
  expect(other.of(ALICE)?.presence).toBe('offline');
  await expect.poll(() => one.changedSince(token)).toContain(ALICE);
});

test.each([
  ['forward', 86_400_000],
  ['back', -86_400_000],
])('a wall clock that jumps %s changes nothing of what is shown, and later changes are told', async (_title, jump) => {
  await one.set(ALICE, 'online', 'here');
  await other.set(BOB, 'offline', undefined);
  await settle();
  await advance(100_000);
  const before = one.of(ALICE);
  const [own, foreign] = [one.token(), other.token()];
  clock.correct(jump);
  expect(one.of(ALICE)).toEqual(before);
  expect(other.of(ALICE)).toEqual(before);
  const late = await lateProcess();
  await expect.poll(() => late.of(ALICE)).toEqual(before);
  await other.set(BOB, 'unavailable', `after ${jump}`);
  await expect.poll(() => one.of(BOB)?.statusMsg).toBe(`after ${jump}`);
  expect(one.changedSince(own)).toEqual([BOB]);
  expect(one.changedSince(foreign)).toContain(BOB);
  await advance(200_000);
  await one.syncing(ALICE, 'offline');
  expect(one.of(ALICE)?.presence).toBe('offline');
  clock.correct(-jump);
});

test('whoever listens hears of every change that shows, in each process and once', async () => {
  // Nobody goes offline by silence meanwhile.
  for (const userId of [ALICE, BOB]) await one.set(userId, 'offline', undefined);
  await settle();
  const heard: UserId[][] = [[], []];
  const ends = [one, other].map((process, i) => process.onChange((userId) => heard[i]?.push(userId)));
  await one.set(BOB, 'online', 'listen');
  await one.set(BOB, 'online', 'listen');
  await one.set(ALICE, 'unavailable', 'listen');
  await expect.poll(() => heard[1]).toEqual([BOB, ALICE]);
  for (const end of ends) end();
  await one.set(BOB, 'offline', undefined);
  expect(heard).toEqual([
    [BOB, ALICE],
    [BOB, ALICE],
  ]);
});
