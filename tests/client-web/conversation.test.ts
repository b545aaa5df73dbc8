import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { CHROMIUM } from '../harness/chromium.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { createRoom, openRoom, registerUser, type TestUser, useBrowser } from './browser-session.ts';
import { gateRequests } from './request-gate.ts';

const row = (page: Page, text: string) => page.getByRole('article').filter({ hasText: text }).last();
const field = (page: Page) => page.getByRole('main').getByRole('textbox').last();

async function write(page: Page, text: string): Promise<void> {
  await field(page).click();
  await page.keyboard.type(text);
  await page.keyboard.press('Enter');
}

/** Opens the actions of a message and presses one. */
async function act(page: Page, text: string, action: string): Promise<void> {
  await row(page, text).hover();
  await row(page, text).getByRole('toolbar').getByRole('button', { name: action, exact: true }).click();
}

describe.skipIf(CHROMIUM === undefined)('two people in a room', async () => {
  const server = await startHomeserver();
  const browser = useBrowser();
  let ana: TestUser;
  let ben: TestUser;
  let roomId: string;
  let anaPage: Page;
  let benPage: Page;

  beforeAll(async () => {
    ana = await registerUser(server, 'Ana');
    ben = await registerUser(server, 'Ben');
    roomId = await createRoom([ana, ben]);
    anaPage = (await openRoom(browser.current, server, ana, roomId)).page;
    benPage = (await openRoom(browser.current, server, ben, roomId)).page;
  });

  const contentOf = async (text: string): Promise<Record<string, unknown>> => {
    const read = () => row(benPage, text).locator('[data-message]').getAttribute('data-message');
    // Until the server's answer is there, the message has a name that no server knows.
    await expect.poll(read).toMatch(/^\$/);
    const path = `/rooms/${encodeURIComponent(roomId)}/event/${encodeURIComponent((await read()) ?? '')}`;
    const event = await ben.call<{ content: Record<string, unknown> }>('GET', path);
    return event.content;
  };

  test('what one writes appears at the other, who sees the typing too', async () => {
    await field(anaPage).click();
    await anaPage.keyboard.type('hello **there**');
    await benPage.getByText(/Ana.? is typing…/).waitFor();
    await anaPage.keyboard.press('Enter');
    await row(benPage, 'hello there').locator('strong').waitFor();
    expect(await row(benPage, 'hello there').locator('strong').textContent()).toBe('there');
    await expect.poll(() => benPage.getByText(/Ana.? is typing…/).count()).toBe(0);
  });

  test('a message is there at once, faint until the server has it', async () => {
    const gate = await gateRequests(anaPage, /\/send\//);
    gate.close();
    await write(anaPage, 'on its way');
    await row(anaPage, 'on its way').waitFor();
    expect(await row(anaPage, 'on its way').locator('[data-status]').getAttribute('data-status')).toBe('sending');
    gate.open();
    await expect
      .poll(() => row(anaPage, 'on its way').locator('[data-status]').getAttribute('data-status'))
      .toBe('sent');
    expect(await anaPage.getByRole('article').filter({ hasText: 'on its way' }).count()).toBe(1);
  });

  test('reactions add up, show who gave them, and can be taken back', async () => {
    await act(benPage, 'hello there', 'React with 👍\ufe0f');
    // What is still on its way cannot be taken back.
    await row(anaPage, 'hello there')
      .getByRole('button', { name: /^.?Ben.? reacted/ })
      .waitFor();
    await act(anaPage, 'hello there', 'React with 👍\ufe0f');
    const pill = row(benPage, 'hello there').getByRole('button', { name: /Ana.? and .?Ben|Ben.? and .?Ana/ });
    await pill.waitFor();
    expect(await pill.textContent()).toContain('2');
    expect(await pill.getAttribute('aria-pressed')).toBe('true');
    await pill.click();
    const rest = row(anaPage, 'hello there').getByRole('button', { name: /^.?Ana.? reacted/ });
    await expect.poll(() => rest.textContent()).toContain('1');
  });

  test('a reply quotes its message in one line, which leads there', async () => {
    await act(benPage, 'hello there', 'Reply');
    await benPage.getByText('Reply to').waitFor();
    await write(benPage, 'hello back');
    const quote = row(anaPage, 'hello back').getByRole('button', { name: /In reply to/ });
    await expect.poll(() => quote.textContent()).toContain('hello **there**');
    expect(await contentOf('hello back')).toMatchObject({ 'm.mentions': { user_ids: [ana.userId] } });
  });

  test('the arrow up edits the last message, and it says so', async () => {
    await write(benPage, 'I wil come');
    await row(benPage, 'I wil come').waitFor();
    await expect
      .poll(() => row(benPage, 'I wil come').locator('[data-status]').getAttribute('data-status'))
      .toBe('sent');
    await field(benPage).click();
    await benPage.keyboard.press('ArrowUp');
    await benPage.getByText('Editing message').waitFor();
    await expect.poll(() => field(benPage).textContent()).toBe('I wil come');
    for (let times = 0; times < 'wil come'.length; times += 1) await benPage.keyboard.press('Backspace');
    await benPage.keyboard.type('will come');
    await benPage.keyboard.press('Enter');
    await row(anaPage, 'I will come').getByText('(edited)').waitFor();
    expect(await row(anaPage, 'I wil come').count()).toBe(0);
    await benPage.keyboard.press('ArrowUp');
    await benPage.keyboard.press('Escape');
    await expect.poll(() => benPage.getByText('Editing message').count()).toBe(0);
  });

  test('a deleted message is gone for both, after a question', async () => {
    await write(anaPage, 'a mistake');
    await row(benPage, 'a mistake').waitFor();
    await act(anaPage, 'a mistake', 'More actions');
    await anaPage.getByRole('menuitem', { name: 'Delete' }).click();
    await anaPage.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await row(benPage, 'Message deleted').waitFor();
    expect(await row(benPage, 'a mistake').count()).toBe(0);
  });

  test('what could not be sent stays, and can be sent again or dropped', async () => {
    await anaPage.route(/\/send\//, (route) =>
      route.fulfill({ status: 403, json: { errcode: 'M_FORBIDDEN', error: 'no' } }),
    );
    await write(anaPage, 'a difficult message');
    await row(anaPage, 'a difficult message').getByText('Not sent.').waitFor();
    await write(anaPage, 'to be dropped');
    await row(anaPage, 'to be dropped').getByRole('button', { name: 'Delete' }).click();
    await expect.poll(() => anaPage.getByText('to be dropped').count()).toBe(0);
    await anaPage.unroute(/\/send\//);
    await row(anaPage, 'a difficult message').getByRole('button', { name: 'Retry' }).click();
    await row(benPage, 'a difficult message').waitFor();
  });

  test('messages are sent one after the other, in the order in which they were written', async () => {
    const gate = await gateRequests(anaPage, /\/send\//);
    const asked: string[] = [];
    anaPage.on('request', (request) => {
      if (/\/send\//.test(request.url())) asked.push(String(request.postDataJSON().body));
    });
    const { arrived } = gate.close();
    await write(anaPage, 'first of all');
    await write(anaPage, 'and then');
    await arrived;
    await row(anaPage, 'and then').waitFor();
    // A later request, before which the second would have been seen.
    await anaPage.evaluate(() => fetch('/_matrix/client/versions'));
    expect(asked).toEqual(['first of all']);
    gate.open();
    await row(benPage, 'and then').waitFor();
    expect(asked).toEqual(['first of all', 'and then']);
    await anaPage.unroute(/\/send\//);
  });

  test('what was written without a connection is sent when it is back', async () => {
    await anaPage.context().setOffline(true);
    await write(anaPage, 'from the tunnel');
    await write(anaPage, 'and out of it');
    await row(anaPage, 'from the tunnel').getByText('Waiting for the connection.').waitFor();
    await anaPage.getByRole('status').getByText('No connection to the server').waitFor();
    await anaPage.context().setOffline(false);
    await row(benPage, 'from the tunnel').waitFor();
    await row(benPage, 'and out of it').waitFor();
    await expect.poll(() => anaPage.getByText('Waiting for the connection.').count()).toBe(0);
  });

  test('what failed requests have kept from the server is sent by itself and in order, though sync never stopped', async () => {
    const { promise: areWritten, resolve: written } = Promise.withResolvers<void>();
    let attempts = 0;
    await anaPage.route(/\/send\//, async (route) => {
      if (route.request().postData()?.includes('at the third attempt') !== true) return await route.continue();
      const attempt = ++attempts;
      await areWritten;
      if (attempt < 3) await route.abort();
      else await route.continue();
    });
    await write(anaPage, 'at the third attempt');
    await write(anaPage, 'right behind it');
    await row(anaPage, 'right behind it').waitFor();
    // Some time later, when the second waits for the first.
    await anaPage.evaluate(() => fetch('/_matrix/client/versions'));
    written();
    await row(benPage, 'right behind it').waitFor();
    const both = benPage.getByRole('article').filter({ hasText: /at the third attempt|right behind it/ });
    expect(await both.allTextContents()).toEqual(
      ['at the third attempt', 'right behind it'].map((text) => expect.stringContaining(text)),
    );
    await expect.poll(() => anaPage.getByText('Waiting for the connection.').count()).toBe(0);
    await anaPage.unroute(/\/send\//);
  });

  test('what was written without a connection survives a reload, is sent in order, and nothing of it twice', async () => {
    // Of the first the server's answer is lost, of the others the request.
    let requests = 0;
    await anaPage.route(/\/send\//, async (route) => {
      requests += 1;
      if (requests === 1) await route.fetch();
      await route.abort();
    });
    await write(anaPage, 'before the lights went out 1');
    await row(benPage, 'before the lights went out 1').waitFor();
    await write(anaPage, 'before the lights went out 2');
    await write(anaPage, 'before the lights went out 3');
    await row(anaPage, 'lights went out 3').getByText('Waiting for the connection.').waitFor();
    await anaPage.reload();
    await row(anaPage, 'lights went out 3').getByText('Waiting for the connection.').waitFor();
    await anaPage.unroute(/\/send\//);
    await anaPage.reload();
    await row(benPage, 'before the lights went out 3').waitFor();
    const written = (page: Page) =>
      page.getByRole('article').filter({ hasText: 'before the lights went out' }).allTextContents();
    const order = [1, 2, 3].map((n) => expect.stringContaining(`before the lights went out ${n}`));
    for (const page of [anaPage, benPage]) await expect.poll(() => written(page)).toEqual(order);
    await expect.poll(() => anaPage.getByText('Waiting for the connection.').count()).toBe(0);
    await expect
      .poll(() => anaPage.evaluate(() => Object.keys(localStorage).filter((key) => key.includes('unsent'))))
      .toEqual([]);
  });

  test('a mention is completed, listed for the server and marked for the one it names', async () => {
    await field(anaPage).click();
    await anaPage.keyboard.type('ask @be');
    await anaPage.getByRole('option', { name: /Ben/ }).waitFor();
    await anaPage.keyboard.press('Enter');
    await anaPage.keyboard.type('please');
    await anaPage.keyboard.press('Enter');
    await row(benPage, 'please').getByRole('link', { name: '@Ben' }).waitFor();
    expect(await contentOf('please')).toMatchObject({ 'm.mentions': { user_ids: [ben.userId] } });
  });

  test('emoji are completed by name', async () => {
    await field(anaPage).click();
    await anaPage.keyboard.type('well :tad');
    await anaPage.getByRole('option', { name: /:tada:/ }).waitFor();
    await anaPage.keyboard.press('Tab');
    await anaPage.keyboard.type('done');
    await anaPage.keyboard.press('Enter');
    await row(benPage, 'well 🎉 done').waitFor();
  });

  test('an input method takes its own Enter; the message is sent with the next', async () => {
    await field(anaPage).click();
    const session = await anaPage.context().newCDPSession(anaPage);
    await session.send('Input.imeSetComposition', { text: 'にほん', selectionStart: 3, selectionEnd: 3 });
    await session.send('Input.dispatchKeyEvent', {
      type: 'keyDown',
      key: 'Enter',
      code: 'Enter',
      windowsVirtualKeyCode: 229,
    });
    await session.send('Input.insertText', { text: '日本' });
    expect(await field(anaPage).textContent()).toContain('日本');
    expect(await anaPage.getByRole('article').filter({ hasText: '日本' }).count()).toBe(0);
    await anaPage.keyboard.press('Enter');
    await row(benPage, '日本').waitFor();
  });

  test('answers in a thread stay in the thread, and the message says how many there are', async () => {
    await act(anaPage, 'hello back', 'Reply in thread');
    const panel = anaPage.getByRole('complementary');
    await panel.getByRole('textbox').click();
    await anaPage.keyboard.type('only in the thread');
    await anaPage.keyboard.press('Enter');
    await panel.getByRole('article').filter({ hasText: 'only in the thread' }).waitFor();
    await row(benPage, 'hello back')
      .getByRole('button', { name: /1 reply/ })
      .waitFor();
    expect(await benPage.getByRole('main').getByRole('article').filter({ hasText: /^only/ }).count()).toBe(0);
  });

  test('reading tells the server, and the badge goes', async () => {
    const counts = async (): Promise<number | undefined> => {
      interface Sync {
        rooms: { join: Record<string, { unread_notifications?: { notification_count?: number } }> };
      }
      const { rooms } = await ben.call<Sync>('GET', '/sync?full_state=true');
      return rooms.join[roomId]?.unread_notifications?.notification_count;
    };
    await benPage.goto('about:blank');
    await ana.send(roomId, { msgtype: 'm.text', body: 'while you were away' });
    await expect.poll(counts).toBeGreaterThanOrEqual(1);
    benPage = (await openRoom(browser.current, server, ben, roomId)).page;
    await row(benPage, 'while you were away').waitFor();
    await row(benPage, 'hello back')
      .getByRole('button', { name: /1 reply/ })
      .click();
    await benPage.getByRole('complementary').getByText('only in the thread').waitFor();
    await expect.poll(counts).toBe(0);
  });
});
