import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { CHROMIUM } from '../harness/chromium.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { createRoom, openRoom, registerUser, type TestUser, useBrowser } from './browser-session.ts';
import { gateRequests } from './request-gate.ts';
import { clear } from './visitor.ts';

const row = (page: Page, text: string) => page.getByRole('article').filter({ hasText: text }).last();
const field = (page: Page) => page.getByRole('main').getByRole('textbox').last();

async function attach(page: Page, files: { name: string; mimeType: string; buffer: Buffer }[]): Promise<void> {
  const [chooser] = await Promise.all([
    page.waitForEvent('filechooser'),
    page.getByRole('button', { name: 'Add files' }).click(),
  ]);
  await chooser.setFiles(files);
}

describe.skipIf(CHROMIUM === undefined)('the composer', async () => {
  const server = await startHomeserver({ settings: { 'media.max_upload_bytes': '200000' } });
  const browser = useBrowser();
  let ana: TestUser;
  let ben: TestUser;
  let roomId: string;
  let page: Page;

  beforeAll(async () => {
    ana = await registerUser(server, 'Ana');
    ben = await registerUser(server, 'Ben');
    roomId = await createRoom([ana, ben]);
    page = (await openRoom(browser.current, server, ana, roomId)).page;
    await field(page).waitFor();
  });

  interface SentEvent {
    type: string;
    content: Record<string, unknown> & { info?: Record<string, unknown> };
  }
  /** The newest events of a type, newest first. */
  const sent = async (type = 'm.room.message'): Promise<SentEvent['content'][]> => {
    const path = `/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=30`;
    const { chunk } = await ben.call<{ chunk: SentEvent[] }>('GET', path);
    return chunk.filter((event) => event.type === type).map((event) => event.content);
  };

  test('Shift-Enter breaks lines, Markdown is turned as it is typed, and what is sent is what was seen', async () => {
    await field(page).click();
    await page.keyboard.type('**now**:');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('- one');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('two');
    expect(await field(page).locator('li').count()).toBe(2);
    await page.keyboard.press('Enter');
    await row(page, 'two').waitFor();
    await expect
      .poll(async () => (await sent())[0])
      .toMatchObject({
        msgtype: 'm.text',
        body: '**now**:\n- one\n- two',
        formatted_body: '<p><strong>now</strong>:</p><ul><li>one</li><li>two</li></ul>',
        'm.mentions': {},
      });
  });

  test('plain text is sent without HTML', async () => {
    await field(page).click();
    await page.keyboard.type('just <b>words</b> & signs');
    await page.keyboard.press('Enter');
    await expect
      .poll(async () => (await sent())[0])
      .toEqual({
        msgtype: 'm.text',
        body: 'just <b>words</b> & signs',
        'm.mentions': {},
      });
  });

  test('three backticks and Enter open a code block, in which Enter breaks the line', async () => {
    await field(page).click();
    await page.keyboard.type('```js');
    await page.keyboard.press('Enter');
    await page.keyboard.type('let a;');
    await page.keyboard.press('Enter');
    await page.keyboard.type('a = 1;');
    await page.keyboard.press('Control+Enter');
    await expect
      .poll(async () => (await sent())[0])
      .toMatchObject({
        formatted_body: '<pre><code class="language-js">let a;\na = 1;\n</code></pre>',
      });
  });

  test('Markdown that is pasted becomes what it means', async () => {
    await field(page).click();
    await field(page).evaluate((element) => {
      const data = new DataTransfer();
      data.setData('text/plain', '## Title\n\n1. one\n2. two');
      element.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
    });
    await field(page).locator('ol li').nth(1).waitFor();
    expect(await field(page).locator('h2').textContent()).toBe('Title');
    await page.keyboard.press('Control+a');
    await page.keyboard.press('Delete');
  });

  const picture = await sharp({ create: { width: 200, height: 120, channels: 3, background: '#3478b0' } })
    .png()
    .toBuffer();

  test('a picture goes with its size, a blurred stand-in and what was written as its caption', async () => {
    await attach(page, [{ name: 'sky.png', mimeType: 'image/png', buffer: picture }]);
    await page.getByRole('list', { name: 'Files' }).getByText('sky.png').waitFor();
    await field(page).click();
    await page.keyboard.type('look');
    await page.keyboard.press('Enter');
    await row(page, 'look').locator('img[alt="sky.png"]').waitFor();
    await expect
      .poll(async () => (await sent())[0])
      .toMatchObject({
        msgtype: 'm.image',
        body: 'look',
        filename: 'sky.png',
        info: {
          w: 200,
          h: 120,
          mimetype: 'image/png',
          size: picture.length,
          'xyz.amorgan.blurhash': expect.stringMatching(/^.{10,}$/),
        },
      });
    await expect.poll(() => page.getByRole('list', { name: 'Files' }).count()).toBe(0);
  });

  test('the picture opens large, and Escape closes it', async () => {
    await page.getByRole('button', { name: 'Open image sky.png' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.locator('img[alt="sky.png"]').waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(() => dialog.count()).toBe(0);
  });

  test('an upload can be cancelled, and one that failed is kept to be sent again', async () => {
    const gate = await gateRequests(page, /\/upload/);
    gate.close();
    await attach(page, [{ name: 'long.bin', mimeType: 'application/octet-stream', buffer: Buffer.alloc(5000) }]);
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByRole('button', { name: 'Cancel upload of long.bin' }).click();
    await expect.poll(() => page.getByText('long.bin').count()).toBe(0);
    gate.open();

    await page.route(/\/upload/, (route) => route.abort());
    await attach(page, [{ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('notes') }]);
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByText('Not sent. Try again.').waitFor();
    await page.unroute(/\/upload/);
    await page.getByRole('button', { name: 'Retry' }).click();
    await row(page, 'notes.txt').waitFor();
    await expect.poll(async () => (await sent())[0]).toMatchObject({ msgtype: 'm.file', body: 'notes.txt' });
    expect((await sent()).map(({ body }) => body)).not.toContain('long.bin');
  });

  test('a file that failed waits in its room while one looks at another, and the browser asks before it is lost', async () => {
    await createRoom([ana], { name: 'elsewhere' });
    await page.route(/\/upload/, (route) => route.abort());
    await attach(page, [{ name: 'kept.txt', mimeType: 'text/plain', buffer: Buffer.from('kept') }]);
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByText('Not sent. Try again.').waitFor();
    await page.getByRole('link', { name: 'elsewhere' }).click();
    await page.getByRole('textbox', { name: /^Message .*elsewhere/ }).waitFor();
    await expect.poll(() => page.getByText('kept.txt').count()).toBe(0);
    await page.goBack();
    await page.getByText('kept.txt').waitFor();

    const asked = page.waitForEvent('dialog');
    const left = page.evaluate(() => location.reload());
    const question = await asked;
    expect(question.type()).toBe('beforeunload');
    await question.dismiss();
    await left;
    await page.unroute(/\/upload/);
    await page.getByRole('button', { name: 'Retry' }).click();
    await row(page, 'kept.txt').waitFor();
    await page.reload();
    await row(page, 'kept.txt').waitFor();
  });

  test('a file that is too large is refused before it is sent', async () => {
    await attach(page, [{ name: 'huge.bin', mimeType: 'application/octet-stream', buffer: Buffer.alloc(300_000) }]);
    await page.getByText(/at most 200 kB can be sent/).waitFor();
    await page.getByRole('button', { name: 'Remove huge.bin' }).click();
  });

  test('a file dropped anywhere on the room is added', async () => {
    await page.getByRole('main').evaluate((main) => {
      const data = new DataTransfer();
      data.items.add(new File(['dropped'], 'dropped.txt', { type: 'text/plain' }));
      for (const type of ['dragenter', 'dragover', 'drop']) {
        main.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
      }
    });
    await page.getByRole('list', { name: 'Files' }).getByText('dropped.txt').waitFor();
    await page.getByRole('button', { name: 'Remove dropped.txt' }).click();
  });

  test('a draft stays with its room, also over a reload', async () => {
    await field(page).click();
    await page.keyboard.type('half a thought');
    // Kept when the page is left, down to the last key.
    await page.reload();
    await expect.poll(() => field(page).textContent()).toBe('half a thought');
    await field(page).click();
    await page.keyboard.press('Control+a');
    await page.keyboard.press('Delete');
  });

  test('what is written stays out of the next room, also when it is undone there', async () => {
    await createRoom([ana], { name: 'next door' });
    await page.getByRole('link', { name: 'next door' }).waitFor();
    await field(page).click();
    await page.keyboard.type('for this room only');
    await page.getByRole('link', { name: 'next door' }).click();
    const nextField = page.getByRole('textbox', { name: /^Message .*next door/ });
    await nextField.click();
    await page.keyboard.press('Control+z');
    expect(await nextField.textContent()).toBe('');
    await page.keyboard.type('hello');
    await page.keyboard.press('Enter');
    await row(page, 'hello').waitFor();
    await page.goBack();
    await expect.poll(() => field(page).textContent()).toBe('for this room only');
    await clear(field(page));
  });

  test('who may not write is told so', async () => {
    const readOnly = await createRoom([ben, ana], { power_level_content_override: { events_default: 50 } });
    const other = await openRoom(browser.current, server, ana, readOnly);
    await other.page.getByText('You may read here, but not write.').waitFor();
    expect(await other.page.getByRole('main').getByRole('textbox').count()).toBe(0);
  });

  test('nothing scrolls sideways on the smallest phone, with the longest word', async () => {
    await ben.send(roomId, { msgtype: 'm.text', body: 'w'.repeat(600) });
    const small = await openRoom(browser.current, server, ana, roomId, { viewport: { width: 320, height: 560 } });
    await row(small.page, 'wwww').waitFor();
    await expect.poll(() => small.page.evaluate(() => document.documentElement.scrollWidth)).toBe(320);
    const scroller = small.page.locator('[data-scroller]');
    expect(await scroller.evaluate((element) => element.scrollWidth - element.clientWidth)).toBe(0);
  });

  test('the keyboard goes through the messages: one stop for Tab, arrows between them, their actions, and out', async () => {
    await field(page).click();
    for (let times = 0; times < 8; times += 1) {
      await page.keyboard.press('Shift+Tab');
      if (await page.evaluate(() => document.activeElement?.localName === 'article')) break;
    }
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute('data-index'));
    const last = Number(await focused());
    await page.keyboard.press('ArrowUp');
    await expect.poll(focused).toBe(String(last - 1));
    await page.keyboard.press('ArrowDown');
    await expect.poll(focused).toBe(String(last));
    await page.locator('article:focus').getByRole('toolbar').waitFor();
    const isInFeed = () => page.evaluate(() => document.activeElement?.closest('[role="feed"]') !== null);
    await page.keyboard.press('Shift+Tab');
    expect(await isInFeed()).toBe(false);
    // Forwards: back to the row, its toolbar as one stop, and on to what follows the list.
    await page.keyboard.press('Tab');
    await expect.poll(focused).toBe(String(last));
    await page.keyboard.press('ArrowDown');
    await page.locator('article:focus').getByRole('toolbar').waitFor();
    const stops: (string | null)[] = [];
    for (let times = 0; times < 8 && (await isInFeed()); times += 1) {
      await page.keyboard.press('Tab');
      stops.push(
        await page.evaluate(() => document.activeElement?.closest('[role="toolbar"], form, main')?.role ?? null),
      );
    }
    expect(await isInFeed()).toBe(false);
    expect(stops.filter((stop) => stop === 'toolbar')).toHaveLength(1);
    await ben.send(roomId, { msgtype: 'm.text', body: 'the focus stays where it is' });
    await row(page, 'the focus stays where it is').waitFor();
    expect(await isInFeed()).toBe(false);
  });
});
