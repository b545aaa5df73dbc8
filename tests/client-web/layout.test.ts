import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { CHROMIUM } from '../harness/chromium.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { prepareScene } from './scene.ts';
import { entrances, leave, screens } from './screens.ts';
import { photograph } from './screenshots.ts';
import { message, sharedBrowser, visit, visitAs } from './visitor.ts';

/**
 * What of the page is wider than the window: the page itself where it scrolls sideways, and controls that begin or end
 * outside and are not in a box that scrolls by itself.
 */
async function outside(page: Page): Promise<string[]> {
  return await page.evaluate(() => {
    const { clientWidth: width, scrollWidth } = document.documentElement;
    const found = scrollWidth > width ? [`the page is ${scrollWidth} px wide`] : [];
    for (const control of document.querySelectorAll('button, a[href], input, textarea, [role="textbox"]')) {
      const { left, right } = control.getBoundingClientRect();
      if (right === left || (left >= -1 && right <= width + 1)) continue;
      let box = control.parentElement;
      while (box && !/auto|scroll/.test(getComputedStyle(box).overflowX)) box = box.parentElement;
      // A hidden input stands for the control that is drawn around it.
      if (!box && !control.closest('[aria-hidden="true"], .visually-hidden, label')) {
        const name = control.getAttribute('aria-label') ?? control.textContent;
        found.push(`${control.tagName} "${name}" from ${Math.round(left)} to ${Math.round(right)}`);
      }
    }
    return found;
  });
}

/** The regions of the page that can be seen somewhere. */
async function regionsInSight(page: Page): Promise<string[]> {
  return await page.evaluate(() => {
    const seen = new Set<string>();
    for (let x = 10; x < innerWidth; x += 40)
      for (let y = 10; y < innerHeight; y += 40) {
        const region = document.elementFromPoint(x, y)?.closest('[data-region]');
        if (region) seen.add(region.getAttribute('aria-label') ?? '');
      }
    return [...seen];
  });
}

describe.skipIf(CHROMIUM === undefined)('the layout', async () => {
  const server = await startHomeserver();
  const scene = await prepareScene(server);
  const browser = sharedBrowser();
  let page: Page;

  beforeAll(async () => {
    ({ page } = await visitAs(browser(), server, scene.ana));
  });

  test.for(screens)('of “$name” fits into 320 px and shows one region at a time on a phone', async ({ name, open }) => {
    await page.setViewportSize({ width: 1440, height: 900 });
    await open(page, scene);
    await photograph(page, name);
    await page.setViewportSize({ width: 320, height: 640 });
    // Menus are placed anew some frames after the window has changed.
    await expect.poll(() => outside(page)).toEqual([]);
    await page.setViewportSize({ width: 390, height: 844 });
    await expect.poll(async () => (await regionsInSight(page)).length).toBeLessThanOrEqual(1);
    await leave(page);
  });

  test.for([744, 900, 1024])('of %s px shows a room beside its panel, and the list again without it', async (width) => {
    await page.setViewportSize({ width, height: 900 });
    await screens.find(({ name }) => name === 'members')?.open(page, scene);
    await expect.poll(() => regionsInSight(page)).toEqual(['Spaces', 'design', 'Members']);
    for (const region of [page.getByRole('main'), page.getByRole('complementary')])
      expect((await region.boundingBox())?.width).toBeGreaterThanOrEqual(300);
    await page.getByRole('button', { name: 'Close', exact: true }).click();
    await expect.poll(() => regionsInSight(page)).toEqual(['Spaces', 'Channels and messages', 'design']);
  });

  test('says of a part that cannot be loaded what to do, and leaves the others alone', async () => {
    await page.route(/RoomSettingsPanel/, (route) => route.abort());
    await page.evaluate(() => sessionStorage.setItem('parley:reloaded-at', String(Date.now())));
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.goto(`${server.baseUrl}/#/room/${encodeURIComponent(scene.design)}?panel=settings`);
    await page.reload();
    const panel = page.getByRole('complementary');
    await panel.getByRole('heading', { name: 'This could not be loaded' }).waitFor();
    await photograph(page, 'missing-part');
    await message(page, 'minutes of the meeting').waitFor();
    await page.unroute(/RoomSettingsPanel/);
    await panel.getByRole('button', { name: 'Reload the page' }).click();
    await panel.getByText(`#design:${scene.serverName}`).waitFor();
  });

  test.for(await entrances(server))('of “$name” fits into 320 px', async ({ name, url, button }) => {
    const entrance = await visit(browser(), url, { viewport: { width: 320, height: 640 } });
    await entrance.page.getByRole('button', { name: button }).waitFor();
    await expect.poll(() => outside(entrance.page)).toEqual([]);
    await photograph(entrance.page, name);
    await entrance.page.context().close();
  });
});
