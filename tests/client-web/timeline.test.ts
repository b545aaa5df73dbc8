import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { withCaption } from '../../client-web/src/view-models/media-message.ts';
import { CHROMIUM } from '../harness/chromium.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { createRoom, registerUser } from './browser-session.ts';
import { prepareScene } from './scene.ts';
import { photograph } from './screenshots.ts';
import { clear, composer, message, sharedBrowser, visitAs } from './visitor.ts';

describe('the content of a file with another caption', () => {
  const image = { msgtype: 'm.image', body: 'coast.png', url: 'mxc://example.org/a', info: { w: 3 } };

  test('keeps the file, and its name where the body was the name', () => {
    expect(withCaption(image, { msgtype: 'm.text', body: 'The *sea*', 'm.mentions': {} })).toEqual({
      ...image,
      body: 'The *sea*',
      filename: 'coast.png',
      'm.mentions': {},
    });
  });

  test('has no trace of the old one when it is taken away', () => {
    const old = {
      ...image,
      body: 'Old',
      filename: 'coast.png',
      format: 'org.matrix.custom.html',
      formatted_body: 'Old',
    };
    expect(withCaption(old, undefined)).toEqual({ ...image, filename: 'coast.png', 'm.mentions': {} });
  });
});

describe.skipIf(CHROMIUM === undefined)('in the timeline', async () => {
  const server = await startHomeserver();
  const browser = sharedBrowser();
  const scene = await prepareScene(server);
  const show = async (page: Page, roomId: string, search = '') => {
    await page.goto(new URL(`#/room/${encodeURIComponent(roomId)}${search}`, page.url()).href);
  };

  test('a caption is written, and taken away again, by editing', async () => {
    const zoe = await registerUser(server, 'Zoe');
    const roomId = await createRoom([zoe]);
    const url = 'mxc://none/none';
    await zoe.send(roomId, { msgtype: 'm.file', body: 'plan.pdf', filename: 'plan.pdf', url });
    const { page } = await visitAs(browser(), server, zoe);
    await show(page, roomId);
    await message(page, 'plan.pdf').hover();
    await message(page, 'plan.pdf').getByRole('button', { name: 'Edit' }).click();
    await page.getByText('Editing caption').waitFor();
    await expect.poll(() => composer(page).evaluate((field) => field === document.activeElement)).toBe(true);
    await page.keyboard.type('The latest plan');
    await page.keyboard.press('Enter');
    const row = message(page, 'plan.pdf').filter({ hasText: 'The latest plan' });
    await row.getByText('(edited)').waitFor();
    await composer(page).press('ArrowUp');
    await expect.poll(() => composer(page).textContent()).toBe('The latest plan');
    await clear(composer(page));
    await page.getByRole('button', { name: 'Save' }).click();
    await row.waitFor({ state: 'detached' });
    await message(page, 'plan.pdf').waitFor();
    await page.context().close();
  });

  test('a thread is shown in outline while it loads, says when it cannot, and loads again', async () => {
    const { page } = await visitAs(browser(), server, scene.ana);
    let refuse = (): void => {};
    const asked = new Promise<void>((resolve) => {
      void page.route(/\/relations\//, async (route) => {
        resolve();
        await new Promise<void>((proceed) => {
          refuse = proceed;
        });
        await route.abort();
      });
    });
    await show(page, scene.design, `?panel=thread&thread=${encodeURIComponent(scene.thread)}`);
    const panel = page.getByRole('complementary');
    await asked;
    await panel.locator('[aria-busy="true"]').waitFor();
    await photograph(page, 'thread-loading');
    refuse();
    await panel.getByText('This thread could not be loaded').waitFor();
    await photograph(page, 'thread-failed');
    await page.unroute(/\/relations\//);
    await panel.getByRole('button', { name: 'Retry' }).click();
    await panel.getByText('I do, this afternoon').waitFor();
    await page.context().close();
  });

  test('compact density leaves the pictures out and takes less room, at once', async () => {
    const { page } = await visitAs(browser(), server, scene.ana);
    const rows = page.getByRole('feed').getByRole('article');
    const averageHeight = async () => {
      const heights = await rows.evaluateAll((all) => all.map((row) => row.getBoundingClientRect().height));
      return heights.reduce((sum, height) => sum + height, 0) / heights.length;
    };
    await show(page, scene.design);
    await message(page, 'minutes of the meeting').waitFor();
    const comfortable = await averageHeight();
    expect(await rows.locator('[data-size="36"]').count()).toBeGreaterThan(0);
    await page.goto(new URL('#/settings/appearance', page.url()).href);
    await page.getByRole('radio', { name: /Compact/ }).check({ force: true });
    await show(page, scene.design);
    await message(page, 'minutes of the meeting').waitFor();
    await expect.poll(() => rows.locator('[data-size="36"]:visible').count()).toBe(0);
    await expect.poll(averageHeight).toBeLessThan(comfortable);
    await photograph(page, 'channel-compact');
    await page.context().close();
  });

  test('a room that was read is not marked as read again when one comes back to it', async () => {
    const [una, vic] = [await registerUser(server, 'Una'), await registerUser(server, 'Vic')];
    const [read, other] = [await createRoom([una, vic]), await createRoom([una])];
    await vic.send(read, { msgtype: 'm.text', body: 'the first' });
    const { page } = await visitAs(browser(), server, una);
    const marked: string[] = [];
    page.on('request', (request) => {
      if (/\/receipt\/|\/read_markers/.test(request.url()) && request.url().includes(encodeURIComponent(read)))
        marked.push(`${request.url()} ${request.postData()}`);
    });
    const comesBack = async (text: string) => {
      await show(page, other);
      await composer(page).waitFor();
      await show(page, read);
      await message(page, text).waitFor();
    };
    await show(page, read);
    await message(page, 'the first').waitFor();
    await expect.poll(() => marked.length).toBe(2);
    for (let n = 0; n < 3; n++) await comesBack('the first');
    await vic.send(read, { msgtype: 'm.text', body: 'the second' });
    await message(page, 'the second').waitFor();
    await expect.poll(() => marked.length).toBe(4);
    await comesBack('the second');
    expect(new Set(marked).size).toBe(marked.length);
    await page.context().close();
  });
});
