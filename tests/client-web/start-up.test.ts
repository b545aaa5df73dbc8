import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { sliceAnswer } from '../../client-web/src/matrix/sliced-sync.ts';
import { createMemoryStore } from '../../client-web/src/platform/key-value-store.ts';
import { readLastVisit, writeLastVisit } from '../../client-web/src/view-models/last-visit.ts';
import { SessionFrame } from '../../client-web/src/view-models/session-frame.ts';
import { openSession } from '../../client-web/src/view-models/session-view-model.ts';
import { CHROMIUM } from '../harness/chromium.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { createRoom, registerUser, type TestUser } from './browser-session.ts';
import { gateRequests } from './request-gate.ts';
import { roomSummary } from './room-summary.ts';
import { createTestPlatform, until } from './test-platform.ts';
import { roomInList, sharedBrowser, visit, visitAs } from './visitor.ts';

describe('a large answer of sync is taken in by slices', () => {
  const joined = (time: number, isFavourite = false) => ({
    timeline: { events: [{ origin_server_ts: time }] },
    account_data: { events: isFavourite ? [{ type: 'm.tag', content: { tags: { 'm.favourite': {} } } }] : [] },
  });
  const join = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`!${n}`, joined(n, n === 7)]));
  const answer = { device_one_time_keys_count: {}, to_device: {}, rooms: { invite: { '!i': {} }, join } };
  const slices = sliceAnswer(answer, '!3');
  const order = slices.flatMap((slice) => Object.keys(slice.rooms?.join ?? {}));

  test('that hold each room once: the wanted one first, then favourites, then those with the latest messages', () => {
    expect(order.slice(0, 4)).toEqual(['!3', '!7', '!29', '!28']);
    expect(order.toSorted()).toEqual(Object.keys(join).toSorted());
  });

  test('of which the first alone has what is not about joined rooms', () => {
    expect(slices[0]).toMatchObject({ to_device: {}, rooms: { invite: { '!i': {} } } });
    for (const { rooms, ...rest } of slices.slice(1)) {
      expect(Object.keys(rooms ?? {})).toEqual(['join']);
      // Without the count, the server would seem to have no keys left.
      expect(Object.keys(rest)).toEqual(['device_one_time_keys_count', 'device_unused_fallback_key_types']);
    }
  });

  test('and a small one as it is', () => {
    const small = { rooms: { join: { '!a': joined(1) } } };
    expect(sliceAnswer(small, undefined)).toEqual([small]);
  });
});

describe('what is kept of a visit', () => {
  const profile = { userId: '@ana:example.org', name: 'Ana', avatarMxc: undefined };
  const message = { eventId: '$1', senderId: '@ben:example.org', senderName: 'Ben', text: 'long '.repeat(1000) };

  test('is what lists show, for the same user only', () => {
    const store = createMemoryStore();
    writeLastVisit(store, { profile, rooms: [roomSummary('design', { lastMessage: message }), roomSummary('random')] });
    const last = readLastVisit(store, profile.userId);
    expect(Array.from(last?.rooms ?? [], ({ name }) => name)).toEqual(['design', 'random']);
    expect(readLastVisit(store, '@ben:example.org')).toBeUndefined();
  });

  test('leaves out rooms that were left and the rest of long messages, and has a bound', () => {
    const store = createMemoryStore();
    const rooms = Array.from({ length: 2000 }, (_, n) =>
      roomSummary(`r${n}`, { lastActivity: n, lastMessage: message }),
    );
    writeLastVisit(store, {
      profile,
      rooms: [...rooms, roomSummary('left', { membership: 'leave', lastActivity: 9e9 })],
    });
    const kept = [...(readLastVisit(store, profile.userId)?.rooms ?? [])];
    expect(kept).toHaveLength(1500);
    expect(kept[0]).toMatchObject({ name: 'r1999' });
    expect(JSON.stringify(kept).length).toBeLessThan(1_500_000);
  });

  test('is nothing where it is damaged or of another shape', () => {
    const store = createMemoryStore();
    for (const value of [
      undefined,
      null,
      3,
      { version: 0, profile, rooms: [] },
      { version: 1, profile, rooms: 'all' },
    ]) {
      store.set('last-visit', value);
      expect(readLastVisit(store, profile.userId)).toBeUndefined();
    }
  });
});

const ROOMS = 66;

describe('somebody in many rooms', async () => {
  const server = await startHomeserver();
  let ana: TestUser;

  beforeAll(async () => {
    ana = await registerUser(server, 'Ana Ruiz');
    for (let n = 0; n < ROOMS; n++) await createRoom([ana], { name: `project ${n}` });
  });

  test('has pauses in the first sync, and the first rooms before the last', async () => {
    let [pauses, time] = [0, 0];
    const platform = {
      ...createTestPlatform(server.baseUrl),
      // A slow machine: every look at the clock is later than a turn.
      now: () => (time += 20),
      page: { ...createTestPlatform(server.baseUrl).page, pause: async () => void pauses++ },
    };
    const frame = new SessionFrame({ baseUrl: server.baseUrl, ...ana }, platform);
    const session = await openSession(frame);
    const seen: number[] = [];
    session.subscribe(() => session.getState().sync === 'arriving' && seen.push(frame.rooms.getAll().size));
    await until(session, ({ sync }) => sync === 'live');
    await until(frame.roomList, ({ order }) => order.length === ROOMS);
    expect(pauses).toBeGreaterThanOrEqual(ROOMS / 4);
    expect(seen[0]).toBeGreaterThan(0);
    expect(seen[0]).toBeLessThan(ROOMS);
    session.dispose();
    frame.dispose();
  });

  describe.skipIf(CHROMIUM === undefined)('at a browser', () => {
    const browser = sharedBrowser();
    const rows = (page: Page) => page.locator('a[data-room]');

    test('sees the list of the last visit before the Matrix SDK has come, and opens a room as soon as it has', async () => {
      const { page } = await visitAs(browser(), server, ana);
      await roomInList(page, `project ${ROOMS - 1}`).click();
      await page.getByText(`This is the start of`).waitFor();
      const gate = await gateRequests(page, /session-view-model/);
      gate.close();
      await page.reload();
      await roomInList(page, `project ${ROOMS - 2}`).click();
      await expect.poll(() => page.getByRole('main').getAttribute('aria-busy')).toBe('true');
      await page
        .getByRole('main')
        .getByRole('heading', { name: `project ${ROOMS - 2}` })
        .waitFor();
      gate.open();
      await page.getByText(`This is the start of`).waitFor();
      await page.context().close();
    });

    test('has a row for each room near the window, and reaches all with the keyboard', async () => {
      const { page } = await visitAs(browser(), server, ana, { viewport: { width: 1000, height: 500 } });
      await roomInList(page, `project ${ROOMS - 1}`).press('ArrowDown');
      expect(await rows(page).count()).toBeLessThan(ROOMS / 2);
      await expect.poll(() => page.getByRole('listitem').first().getAttribute('aria-setsize')).toBe(String(ROOMS));
      const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '');
      await expect.poll(focused).toContain(`project ${ROOMS - 2}`);
      await page.keyboard.press('End');
      await expect.poll(focused).toMatch(/^project 0/);
      await page.keyboard.press('ArrowUp');
      await expect.poll(focused).toMatch(/^project 1/);
      await page.keyboard.press('Home');
      await expect.poll(focused).toContain(`project ${ROOMS - 1}`);
      await page.context().close();
    });

    test('is told when the server cannot be reached or a part of the page is missing, and goes on afterwards', async () => {
      const { page } = await visit(browser(), `${server.baseUrl}/#/sign-in`);
      await page.route(/\/sync\?/, (route) => route.abort());
      await page.getByLabel('Username').fill('anaruiz');
      await page.getByLabel('Password', { exact: true }).fill('a long enough password');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('heading', { name: 'The server cannot be reached' }).waitFor();

      // It was loaded again for this a moment ago, and once is enough.
      await page.evaluate(() => sessionStorage.setItem('parley:reloaded-at', String(Date.now())));
      await page.route(/session-view-model/, (route) => route.abort());
      await page.reload();
      await page.getByRole('heading', { name: 'This could not be loaded' }).waitFor();
      await page.unroute(/session-view-model/);
      await page.getByRole('button', { name: 'Reload the page' }).click();
      await page.getByRole('heading', { name: 'The server cannot be reached' }).waitFor();

      await page.unroute(/\/sync\?/);
      await page.getByRole('button', { name: 'Try now' }).click();
      await roomInList(page, `project ${ROOMS - 1}`).waitFor();
      await page.context().close();
    });

    test('leaves nothing of the rooms behind after signing out', async () => {
      const other = await registerUser(server, 'Zoe');
      await createRoom([other], { name: 'secret plans' });
      const { page } = await visitAs(browser(), server, other);
      await roomInList(page, 'secret plans').waitFor();
      const stored = () => page.evaluate(() => JSON.stringify(localStorage));
      await page.evaluate(() => window.dispatchEvent(new Event('pagehide')));
      await expect.poll(stored).toContain('secret plans');
      await page.getByRole('button', { name: 'Zoe: settings and sign out' }).first().click();
      await page.getByRole('menuitem', { name: 'Sign out' }).click();
      await page.getByRole('button', { name: 'Sign in' }).waitFor();
      await page.evaluate(() => window.dispatchEvent(new Event('pagehide')));
      expect(await stored()).not.toContain('secret plans');
      await page.context().close();
    });
  });
});
