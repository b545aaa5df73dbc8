import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { CHROMIUM } from '../harness/chromium.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { createRoom, openRoom, registerUser, type TestUser, useBrowser } from './browser-session.ts';
import { gateRequests } from './request-gate.ts';

const WORDS = 'the reader keeps the place while history loads above and pictures arrive in their boxes'.split(' ');
const MESSAGES = 210;

/** Text of between one and about eight lines, the same for the same number. */
const textOf = (index: number): string =>
  Array.from({ length: 3 + ((index * 37) % 90) }, (_, word) => WORDS[(index + word) % WORDS.length]).join(' ');

declare global {
  interface Window {
    /** Set by the watcher below: the row that is watched, and how far it was from its place. */
    watched: string;
    drift: number;
  }
}

/** The row in the middle of what is seen: its key, and where it is. */
const anchorOf = (page: Page): Promise<{ key: string; top: number }> =>
  page.evaluate(() => {
    const frame = document.querySelector('[data-timeline]');
    if (!frame) throw new Error('no timeline');
    const { top, bottom } = frame.getBoundingClientRect();
    const middle = (top + bottom) / 2;
    for (const row of frame.querySelectorAll<HTMLElement>('[data-kind="message"]')) {
      const box = row.getBoundingClientRect();
      if (box.bottom > middle) return { key: row.dataset.key ?? '', top: box.top };
    }
    throw new Error('no row in sight');
  });

const scroller = (page: Page) => page.locator('[data-scroller]');
const scrollTo = (page: Page, top: number): Promise<void> =>
  scroller(page).evaluate((element, offset) => element.scrollTo(0, offset), top);
const heightOf = (page: Page): Promise<number> => scroller(page).evaluate((element) => element.scrollHeight);
const distanceFromEnd = (page: Page): Promise<number> =>
  scroller(page).evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight);
const feed = (page: Page) => page.getByRole('feed');
const busy = (page: Page) => feed(page).getAttribute('aria-busy');

/**
 * Watches a row in every frame from now on. The returned function waits until the list no longer changes its height and
 * answers the farthest that the row was from where it had been, in pixels.
 */
async function watch(page: Page, anchor: { key: string; top: number }): Promise<() => Promise<number>> {
  await page.evaluate(({ key, top }) => {
    window.drift = 0;
    window.watched = key;
    const look = (): void => {
      if (window.watched !== key) return;
      const row = document.querySelector(`[data-key="${key}"]`);
      window.drift = Math.max(
        window.drift,
        row ? Math.abs(row.getBoundingClientRect().top - top) : Number.POSITIVE_INFINITY,
      );
      requestAnimationFrame(look);
    };
    look();
  }, anchor);
  return async () => {
    await settle(page);
    return await page.evaluate(() => window.drift);
  };
}

/** Waits until no history is on its way, and then for `standStill`. */
async function settle(page: Page): Promise<void> {
  await expect.poll(() => busy(page)).not.toBe('true');
  await standStill(page);
}

/** Waits until the list no longer changes its height: rows that are drawn for the first time take their real one. */
async function standStill(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const element = document.querySelector('[data-scroller]');
    let height = -1;
    for (let same = 0; same < 5; ) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
      same = height === element?.scrollHeight ? same + 1 : 0;
      height = element?.scrollHeight ?? -1;
    }
  });
}

describe.skipIf(CHROMIUM === undefined)('the reader keeps the place', async () => {
  const server = await startHomeserver();
  const browser = useBrowser();
  let ana: TestUser;
  let ben: TestUser;
  let roomId: string;

  beforeAll(async () => {
    ana = await registerUser(server, 'Ana');
    ben = await registerUser(server, 'Ben');
    roomId = await createRoom([ana, ben]);
    for (let index = 0; index < MESSAGES; index += 1) {
      const sender = index % 5 < 3 ? ana : ben;
      const image = { msgtype: 'm.image', body: 'p.png', url: 'mxc://none/none', info: { w: 600, h: 400 } };
      await sender.send(roomId, index % 11 === 4 ? image : { msgtype: 'm.text', body: `${index}: ${textOf(index)}` });
    }
  });

  test('while pages of history are put on top, to the pixel, up to the start of the room', async () => {
    const { page, complaints } = await openRoom(browser.current, server, ana, roomId);
    await feed(page)
      .getByText(`${MESSAGES - 1}:`)
      .waitFor();
    const gate = await gateRequests(page, /\/messages\?/);
    for (const offset of [0, 300, 900]) {
      const { arrived } = gate.close();
      await scrollTo(page, offset);
      await arrived;
      expect(await busy(page)).toBe('true');
      await standStill(page);
      const drift = await watch(page, await anchorOf(page));
      gate.open();
      await expect.poll(() => busy(page)).toBe('false');
      expect(await drift()).toBeLessThanOrEqual(1);
    }
    const isAtStart = async (): Promise<boolean> => {
      await scrollTo(page, 0);
      return await page.getByText(/This is the start of/).isVisible();
    };
    await expect.poll(isAtStart, { interval: 250 }).toBe(true);
    expect(complaints).toEqual([]);
  });

  test('while pictures arrive, in the boxes that were kept for them', async () => {
    const upload = await fetch(`${server.baseUrl}/_matrix/media/v3/upload`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${ana.accessToken}`, 'Content-Type': 'image/png' },
      body: Buffer.from(
        'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
        'base64',
      ),
    });
    const { content_uri: url } = (await upload.json()) as { content_uri: string };
    const pictures = await createRoom([ana]);
    for (let index = 0; index < 12; index += 1) {
      await ana.send(pictures, {
        msgtype: 'm.image',
        body: 'p.png',
        url,
        info: { w: 300 + index * 40, h: 200, size: 9 },
      });
      await ana.send(pictures, { msgtype: 'm.text', body: `${index}: ${textOf(index)}` });
    }
    const { page } = await openRoom(browser.current, server, ana, pictures);
    const gate = await gateRequests(page, /\/media\//);
    gate.close();
    await page.reload();
    await feed(page).getByText('11:').waitFor();
    await scrollTo(page, 1200);
    await settle(page);
    const drift = await watch(page, await anchorOf(page));
    gate.open();
    await page.locator('[data-kind="message"] img[alt="p.png"]').first().waitFor();
    expect(await drift()).toBeLessThanOrEqual(1);
  });

  test('when a message comes while reading further up, which is counted instead', async () => {
    const { page } = await openRoom(browser.current, server, ana, roomId);
    await feed(page)
      .getByText(`${MESSAGES - 1}:`)
      .waitFor();
    await settle(page);
    const height = await heightOf(page);
    await scrollTo(page, height - 2500);
    await settle(page);
    const drift = await watch(page, await anchorOf(page));
    await ben.send(roomId, { msgtype: 'm.text', body: 'one more' });
    await page.getByRole('button', { name: '1 new message' }).waitFor();
    expect(await drift()).toBeLessThanOrEqual(1);
    await page.getByRole('button', { name: '1 new message' }).click();
    await feed(page).getByText('one more').waitFor();
    await expect.poll(() => page.getByRole('button', { name: /new message|latest message/ }).count()).toBe(0);
  });

  test('at the end, when messages come and when the composer grows', async () => {
    const { page } = await openRoom(browser.current, server, ana, roomId);
    await feed(page).getByRole('article').last().waitFor();
    await ben.send(roomId, { msgtype: 'm.text', body: `the very last\n${textOf(40)}` });
    await feed(page).getByText('the very last').waitFor();
    await expect.poll(() => distanceFromEnd(page)).toBeLessThanOrEqual(1);
    await page.getByRole('textbox').click();
    for (let line = 0; line < 8; line += 1) await page.keyboard.press('Shift+Enter');
    await expect.poll(() => distanceFromEnd(page)).toBeLessThanOrEqual(1);
  });

  test('at the end, when the first events that come do not fill the window', async () => {
    const reactions = await createRoom([ana, ben]);
    const eventId = await ana.send(reactions, { msgtype: 'm.text', body: 'react to this' });
    for (let index = 0; index < 40; index += 1) {
      await ana.send(reactions, { msgtype: 'm.text', body: `${index}: ${textOf(index)}` });
    }
    for (const key of 'abcdefghijklmnopqrst') {
      const relation = { rel_type: 'm.annotation', event_id: eventId, key };
      await ben.send(reactions, { 'm.relates_to': relation }, 'm.reaction');
    }
    await ben.send(reactions, { msgtype: 'm.text', body: 'the end' });
    const { page } = await openRoom(browser.current, server, ana, reactions);
    await feed(page).getByText('39:').waitFor();
    await expect.poll(() => distanceFromEnd(page)).toBeLessThanOrEqual(1);
  });

  test('at a message that a link points to, far back in the history', async () => {
    const eventId = await ben.send(roomId, { msgtype: 'm.text', body: 'the message linked to' });
    for (let index = 0; index < 120; index += 1) await ben.send(roomId, { msgtype: 'm.text', body: `after ${index}` });
    const { page } = await openRoom(browser.current, server, ana, roomId, {
      search: `?event=${encodeURIComponent(eventId)}`,
    });
    await feed(page).getByText('the message linked to').waitFor();
    const top = async () => (await feed(page).getByText('the message linked to').boundingBox())?.y;
    await expect.poll(top).toBeGreaterThan(60);
    await expect.poll(top).toBeLessThan(700);
    await page.getByRole('button', { name: 'Go to the latest message' }).click();
    await feed(page).getByText('after 119').waitFor();
  });

  test('when a link leads nowhere: it says so, with a way to the latest messages', async () => {
    const { page } = await openRoom(browser.current, server, ana, roomId, { search: '?event=%24nothing' });
    await page.getByText('This message cannot be shown').waitFor();
    await page.getByRole('button', { name: 'Show the latest messages' }).click();
    await feed(page).getByRole('article').last().waitFor();
  });

  test('when a link leads to an answer in a thread: the thread opens', async () => {
    const threads = await createRoom([ana, ben]);
    const root = await ana.send(threads, { msgtype: 'm.text', body: 'the question' });
    const relation = {
      rel_type: 'm.thread',
      event_id: root,
      is_falling_back: true,
      'm.in_reply_to': { event_id: root },
    };
    const answer = await ben.send(threads, { msgtype: 'm.text', body: 'the answer', 'm.relates_to': relation });
    const search = `?event=${encodeURIComponent(answer)}`;
    const { page } = await openRoom(browser.current, server, ana, threads, { search });
    await page.getByRole('complementary').getByRole('article').filter({ hasText: 'the answer' }).last().waitFor();
    await page.getByRole('main').getByRole('article').filter({ hasText: 'the question' }).waitFor();
  });
});
