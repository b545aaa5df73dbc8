import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { CHROMIUM } from '../harness/chromium.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { createRoom, registerUser } from './browser-session.ts';
import { gateRequests } from './request-gate.ts';
import { photograph } from './screenshots.ts';
import { composer, eventually, roomInList, sharedBrowser, visitAs } from './visitor.ts';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What the accessibility checker objects to on the page, as `rule: element`. */
async function objections(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return await page.evaluate(async () => {
    const { axe: checker } = window as unknown as {
      axe: {
        run(context: object, options: object): Promise<{ violations: { id: string; nodes: { target: string[] }[] }[] }>;
      };
    };
    // React Aria's announcer names elements that may be gone by the time it is read.
    const { violations } = await checker.run(
      { exclude: ['[data-live-announcer]'] },
      { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] },
    );
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`));
  });
}

/** How many pixels the page could be moved sideways. */
async function sidewaysScroll(page: Page): Promise<number> {
  return await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
}

/** The names of the regions that F6 goes through. */
async function regionsByKey(page: Page): Promise<(string | null | undefined)[]> {
  const regions: (string | null | undefined)[] = [];
  for (let step = 0; step < 3; step++) {
    await page.keyboard.press('F6');
    regions.push(
      await page.evaluate(() => document.activeElement?.closest('[data-region]')?.getAttribute('aria-label')),
    );
  }
  return regions.sort();
}

describe.skipIf(CHROMIUM === undefined)('the frame of the web client', async () => {
  const server = await startHomeserver();
  const browser = sharedBrowser();
  const [ana, ben] = await Promise.all([registerUser(server, 'Ana Ruiz'), registerUser(server, 'Ben Okafor')]);
  const general = await createRoom([ana, ben], { name: 'general', topic: 'Work matters' });
  const design = await createRoom([ben, ana], { name: 'design' });
  const longName = 'customer-support-escalations-emea-and-apac-second-level';
  const long = await createRoom([ben, ana], { name: longName });
  await ben.call('POST', '/createRoom', { name: 'offsite', preset: 'private_chat', invite: [ana.userId] });
  await ben.send(design, {
    body: 'Ana Ruiz, have a look',
    msgtype: 'm.text',
    'm.mentions': { user_ids: [ana.userId] },
  });
  await ben.send(long, { body: 'Averyveryverylongwordwithoutanyplacetobreak'.repeat(8), msgtype: 'm.text' });

  const roomPath = (roomId: string, search = '') => `${server.baseUrl}/#/room/${encodeURIComponent(roomId)}${search}`;
  const settingsPath = (section: string) => `${server.baseUrl}/#/settings/${section}`;
  const places = [
    ['home', `${server.baseUrl}/#/`],
    ['a room', roomPath(general)],
    ['its members', roomPath(general, '?panel=members')],
    ['a person', roomPath(general, `?panel=member&user=${encodeURIComponent(ben.userId)}`)],
    ['its settings', roomPath(general, '?panel=settings')],
    ['a room that does not exist', roomPath(`#nowhere:${server.serverName}`)],
    ['profile settings', settingsPath('profile')],
    ['appearance settings', settingsPath('appearance')],
    ['notification settings', settingsPath('notifications')],
    ['device settings', settingsPath('devices')],
    ['account settings', settingsPath('account')],
  ] as const;

  test('has nothing that the accessibility checker objects to, in any place and theme', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page, complaints } = await visitAs(browser(), server, ana, { colorScheme });
      await roomInList(page, 'general').waitFor();
      for (const [place, address] of places) {
        await page.goto(address);
        await page.getByRole('main').waitFor();
        await eventually(() => page.locator('[aria-busy="true"]').count(), 0);
        expect(await objections(page), `${place}, ${colorScheme}`).toEqual([]);
      }
      expect(complaints).toEqual([]);
      await page.context().close();
    }
  });

  test('never scrolls sideways, from 320 pixels up, with long names and long words', async () => {
    const { page } = await visitAs(browser(), server, ana);
    await roomInList(page, 'general').waitFor();
    for (const width of [320, 390, 639, 640, 899, 900, 1024, 1440]) {
      await page.setViewportSize({ width, height: 640 });
      for (const [place, address] of [...places, ['a long name', roomPath(long)]] as const) {
        await page.goto(address);
        await page.getByRole('main').or(page.getByRole('navigation')).first().waitFor();
        // What is placed by scripts follows the window some frames later.
        await expect.poll(() => sidewaysScroll(page), { message: `${place} at ${width}` }).toBeLessThanOrEqual(0);
      }
    }
    await page.context().close();
  });

  test('shows one region at a time on a phone, with a way back', async () => {
    const { page } = await visitAs(browser(), server, ana, { viewport: { width: 390, height: 844 } });
    await roomInList(page, 'general').click();
    await page.getByRole('heading', { name: 'general', level: 1 }).waitFor();
    await roomInList(page, 'general').waitFor({ state: 'hidden' });
    await page.getByRole('button', { name: '2 members' }).click();
    const panel = page.getByRole('complementary', { name: 'Members' });
    await eventually(async () => (await panel.boundingBox())?.width, 390);
    await panel.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('button', { name: 'Back' }).click();
    await roomInList(page, 'general').waitFor();
    await page.context().close();
  });

  test('says in the list, the title and the icon what is unread', async () => {
    const { page } = await visitAs(browser(), server, ana);
    await roomInList(page, 'design').waitFor();
    await expect.poll(() => roomInList(page, 'design').innerText()).toMatch(/design\s+channel, 1 mention\s+1/);
    // The mention and the invitation.
    await eventually(() => page.title(), '(2) Parley');
    await eventually(() => page.locator('link[rel="icon"]').getAttribute('href'), '/favicon-mention.svg');
    await photograph(page, 'home-news');
    await page.context().close();
  });

  test('is worked by keyboard alone', async () => {
    const { page } = await visitAs(browser(), server, ana);
    await roomInList(page, 'general').waitFor();
    const heading = (name: string) => page.getByRole('main').getByRole('heading', { name, level: 1 });

    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Go to' }).fill('gen');
    await photograph(page, 'switcher', ['desktop']);
    await page.keyboard.press('Enter');
    await heading('general').waitFor();

    await page.keyboard.press('Alt+Shift+ArrowDown');
    await heading(longName).or(heading('design')).or(heading('offsite')).waitFor();
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Go to' }).fill('general');
    await page.keyboard.press('Enter');
    await heading('general').waitFor();
    expect(await regionsByKey(page)).toEqual(['Channels and messages', 'Spaces', 'general']);

    await page
      .getByRole('navigation', { name: 'Channels and messages' })
      .getByRole('link', { name: 'general' })
      .focus();
    await page.keyboard.press('ArrowDown');
    await eventually(() => page.evaluate(() => document.activeElement?.matches('a[data-room]')), true);
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.context().close();
  });

  test('leads the keyboard to a room that is still on its way, too', async () => {
    const { page } = await visitAs(browser(), server, ana);
    const gate = await gateRequests(page, /session-view-model/);
    await roomInList(page, 'general').waitFor();
    gate.close();
    await page.goto(roomPath(general));
    await page.reload();
    await page.getByRole('main', { name: 'general' }).locator('header').waitFor();
    expect(await regionsByKey(page)).toEqual(['Channels and messages', 'Spaces', 'general']);
    gate.open();
    await composer(page).waitFor();
    await page.context().close();
  });

  test('creates a channel and invites to it in dialogs that the keyboard reaches', async () => {
    const { page, complaints } = await visitAs(browser(), server, ana);
    await roomInList(page, 'general').waitFor();
    await page.getByRole('button', { name: 'Create a channel' }).click();
    const dialog = page.getByRole('dialog', { name: 'Create a channel' });
    await dialog.getByLabel('Name').fill('Q4 Planning & Größe');
    await dialog.getByText('Public', { exact: true }).click();
    expect(await dialog.getByLabel('Address').inputValue()).toBe('q4-planning-große');
    expect(await objections(page)).toEqual([]);
    await photograph(page, 'create-channel');
    await dialog.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('heading', { name: 'Q4 Planning & Größe', level: 1 }).waitFor();

    await page.getByRole('button', { name: '1 member' }).click();
    await page.getByRole('complementary').getByRole('button', { name: 'Invite people' }).click();
    await page.getByRole('combobox', { name: 'People' }).fill('ben');
    await page.getByRole('option', { name: /Ben Okafor/ }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').getByRole('button', { name: 'Invite', exact: true }).click();
    await page.getByText('Invitation sent').waitFor();
    await page.getByRole('complementary').getByText('Ben Okafor').waitFor();
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test('keeps the chosen theme, language and widths over a reload', async () => {
    const { page } = await visitAs(browser(), server, ana);
    await page.goto(settingsPath('appearance'));
    await page.getByText('Dark', { exact: true }).click();
    await eventually(() => page.locator('html').getAttribute('data-theme'), 'dark');
    await page.getByRole('button', { name: /English/ }).click();
    await page.getByRole('option', { name: 'Deutsch' }).click();
    await page.getByRole('heading', { name: 'Aussehen' }).waitFor();
    const separator = page.getByRole('separator', { name: 'Breite der Raumliste' });
    await separator.focus();
    await page.keyboard.press('End');
    await page.reload();
    await page.getByRole('heading', { name: 'Aussehen' }).waitFor();
    expect(await page.locator('html').getAttribute('data-theme')).toBe('dark');
    expect(await separator.getAttribute('aria-valuenow')).toBe('400');
    await page.context().close();
  });

  test('says when the connection is gone, and when it is back', async () => {
    const { page } = await visitAs(browser(), server, ana);
    await roomInList(page, 'general').waitFor();
    await page.context().setOffline(true);
    await page.getByText('No connection to the server.').waitFor();
    await photograph(page, 'offline', ['desktop']);
    await page.context().setOffline(false);
    await page.getByText('No connection to the server.').waitFor({ state: 'detached' });
    await page.context().close();
  });
});
