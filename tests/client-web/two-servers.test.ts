import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { CHROMIUM } from '../harness/chromium.ts';
import { spawnHomeserver } from '../harness/homeserver.ts';
import { picture } from './picture.ts';
import { photograph } from './screenshots.ts';
import {
  clear,
  composer,
  eventually,
  message,
  roomInList,
  say,
  sharedBrowser,
  signUp,
  type Visitor,
  visit,
} from './visitor.ts';

/** The pointer rests on a message, and one of the buttons that appear is pressed. */
async function act(page: Page, text: string, button: string | RegExp): Promise<void> {
  await message(page, text).hover();
  await message(page, text).getByRole('toolbar').getByRole('button', { name: button, exact: true }).click();
}

/** What the messages of the open room say, reactions and marks included, oldest first. */
async function conversation(page: Page): Promise<string[]> {
  const rows = await page.getByRole('feed').locator('[data-kind="message"]').all();
  return await Promise.all(
    rows.map(async (row) => {
      const words = await row.locator('p, [dir="auto"]').allInnerTexts();
      const reactions = await row.getByRole('button', { name: /reacted with/ }).allInnerTexts();
      const pictures = await row
        .getByRole('img')
        .evaluateAll((images) => images.map((image) => (image as HTMLImageElement).alt));
      return [...words, ...reactions, ...pictures].join(' ').replaceAll(/\s+/g, ' ');
    }),
  );
}

describe.skipIf(CHROMIUM === undefined)('two people on two servers', async () => {
  const [alpha, beta] = await Promise.all([spawnHomeserver(), spawnHomeserver()]);
  const browser = sharedBrowser();
  let ana: Visitor;
  let ben: Visitor;

  test('sign up, each on their own', async () => {
    [ana, ben] = await Promise.all([visit(browser(), alpha.baseUrl), visit(browser(), beta.baseUrl)]);
    await Promise.all([signUp(ana.page, alpha, 'Ana Ruiz'), signUp(ben.page, beta, 'Ben Okafor')]);
  });

  test('meet in a channel to which one invites the other by full Matrix ID', async () => {
    await ana.page.getByRole('main').getByRole('button', { name: 'Create' }).click();
    const create = ana.page.getByRole('dialog', { name: 'Create a channel' });
    await create.getByLabel('Name', { exact: true }).fill('Design');
    await create.getByLabel('Topic').fill('Reviews on Thursday');
    await create.getByRole('button', { name: 'Create' }).click();
    await composer(ana.page).waitFor();

    await ana.page.getByRole('main').getByRole('button', { name: 'More' }).click();
    await ana.page.getByRole('menuitem', { name: 'Invite people' }).click();
    const invite = ana.page.getByRole('dialog', { name: 'Invite to Design' });
    await invite.getByRole('combobox', { name: 'People' }).fill(`@ben:${beta.serverName}`);
    await invite.getByRole('option', { name: `@ben:${beta.serverName}` }).waitFor();
    await ana.page.keyboard.press('Enter');
    await invite.getByRole('button', { name: 'Invite' }).click();
    await ana.page.getByText('Invitation sent').waitFor();

    await roomInList(ben.page, 'Design').click();
    await ben.page.getByText(`Ana Ruiz invites you to this channel@ana:${alpha.serverName}`).waitFor();
    await photograph(ben.page, 'invitation');
    await ben.page.getByRole('button', { name: 'Accept' }).click();
    await composer(ben.page).waitFor();
    await ana.page.getByRole('button', { name: '2 members' }).waitFor();
  });

  test('chat both ways', async () => {
    await say(ana.page, 'Welcome to the channel, **Ben**');
    await message(ben.page, 'Welcome to the channel, Ben').waitFor();
    await say(ben.page, 'Thanks, glad to be here');
    await message(ana.page, 'Thanks, glad to be here').waitFor();
    await say(ana.page, 'This will go away');
    await message(ben.page, 'This will go away').waitFor();
  });

  test('see that the other is writing', async () => {
    await composer(ben.page).pressSequentially('One mom');
    await ana.page.getByText(/Ben Okafor\W* is typing/).waitFor();
    await clear(composer(ben.page));
  });

  test('share pictures', async () => {
    const chosen = ana.page.waitForEvent('filechooser');
    await ana.page.getByRole('button', { name: 'Add files' }).click();
    await (await chosen).setFiles(await picture('coast.png', 1200, 800));
    await ana.page.getByRole('button', { name: 'Send', exact: true }).click();
    for (const { page } of [ana, ben]) {
      const image = page.getByRole('feed').getByRole('img', { name: 'coast.png' });
      await image.waitFor();
      await eventually(
        () => image.evaluate((shown: HTMLImageElement) => shown.complete && shown.naturalWidth > 0),
        true,
      );
    }
    await ben.page.getByRole('button', { name: 'Open image coast.png' }).click();
    const large = ben.page.getByRole('dialog').getByRole('img', { name: 'coast.png' });
    await large.waitFor();
    await eventually(() => large.evaluate((shown: HTMLImageElement) => shown.naturalWidth), 1200);
    await ben.page.keyboard.press('Escape');
    await large.waitFor({ state: 'detached' });
  });

  test('react to each other, edit and delete', async () => {
    await act(ben.page, 'Welcome to the channel', /React with 👍/);
    await message(ana.page, 'Welcome')
      .getByRole('button', { name: /Ben Okafor.* reacted with 👍/ })
      .waitFor();
    await message(ana.page, 'Welcome')
      .getByRole('button', { name: /reacted with 👍/ })
      .click();
    await message(ben.page, 'Welcome')
      .getByRole('button', { name: /Ana Ruiz.* reacted with 👍/ })
      .waitFor();

    await act(ben.page, 'Thanks, glad to be here', 'Edit');
    await eventually(() => composer(ben.page).textContent(), 'Thanks, glad to be here');
    await clear(composer(ben.page));
    await composer(ben.page).fill('Thanks, very glad to be here');
    await composer(ben.page).press('Enter');
    await message(ana.page, 'Thanks, very glad to be here').getByText('(edited)').waitFor();

    await act(ana.page, 'This will go away', 'More actions');
    await ana.page.getByRole('menuitem', { name: 'Delete' }).click();
    await ana.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    for (const { page } of [ana, ben]) await message(page, 'Message deleted').waitFor();
    expect(await message(ben.page, 'This will go away').count()).toBe(0);
  });

  test('see the same after loading the page again', async () => {
    const before = await conversation(ana.page);
    expect(before).toEqual([
      expect.stringMatching(/^Welcome to the channel, Ben .*2/),
      'Thanks, very glad to be here (edited)',
      '',
      'coast.png',
    ]);
    for (const { page } of [ana, ben]) {
      await page.reload();
      await composer(page).waitFor();
      await eventually(() => conversation(page), before);
    }
    await say(ben.page, 'Still here');
    await message(ana.page, 'Still here').waitFor();
    await photograph(ana.page, 'conversation');
  });

  test('break no rule of the pages’ security policy', () => {
    expect(ana.complaints).toEqual([]);
    expect(ben.complaints).toEqual([]);
  });
});
