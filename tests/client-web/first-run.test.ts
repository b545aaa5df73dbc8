import type { Page } from 'playwright-core';
import { describe, expect, test, vi } from 'vitest';
import { CHROMIUM } from '../harness/chromium.ts';
import { spawnHomeserver } from '../harness/homeserver.ts';
import { photograph } from './screenshots.ts';
import { eventually, PASSWORD, PATIENCE_MS, sharedBrowser, visit } from './visitor.ts';

/** Reads what the field that has the focus is called. */
const focusedLabel = (page: Page) => () =>
  page.evaluate(() => {
    const { activeElement } = document;
    return activeElement instanceof HTMLInputElement ? (activeElement.labels?.[0]?.textContent ?? '') : '';
  });

describe.skipIf(CHROMIUM === undefined)('the first run of a server', async () => {
  const server = await spawnHomeserver({ settings: { registration: 'token' } });
  const link = await vi.waitFor(
    () => server.output.join('\n').match(/http:\S+#\/setup\?token=\S+/)?.[0] ?? expect.fail('no link yet'),
    { timeout: PATIENCE_MS },
  );
  const browser = sharedBrowser();

  test('a set-up link that is not the printed one is refused in words', async () => {
    const { page } = await visit(browser(), link.replace(/token=.*/, 'token=guessed'));
    await page.getByLabel('Username').fill('mallory');
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: 'Create administrator' }).click();
    await page.getByText('This link is not valid any more.').waitFor();
    await page.context().close();
  });

  test('the printed link makes its visitor the administrator, who lands in an empty frame that says what to do', async () => {
    const { page, complaints } = await visit(browser(), link);
    await page.getByRole('heading', { name: 'Set up your server' }).waitFor();
    await photograph(page, 'set-up');
    await page.getByLabel('Your name').fill('Ana Ruiz');
    await page.getByLabel('Username').fill('ana');
    await page.getByLabel('Password', { exact: true }).fill('short');
    await page.getByRole('button', { name: 'Create administrator' }).click();
    await page.getByText('Use at least 8 characters.').waitFor();
    // The keyboard is led to what is wrong.
    await eventually(focusedLabel(page), 'Password');
    await page.keyboard.press('Control+a');
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press('Enter');

    await page.getByRole('heading', { name: 'Welcome, Ana Ruiz' }).waitFor();
    const main = page.getByRole('main');
    for (const step of ['Create', 'Write', 'Find']) await main.getByRole('button', { name: step }).waitFor();
    await photograph(page, 'home-empty');
    expect(complaints).toEqual([]);

    await page.reload();
    await page.getByRole('heading', { name: 'Welcome, Ana Ruiz' }).waitFor();
    await page
      .getByRole('navigation', { name: 'Spaces' })
      .getByRole('button', { name: /settings and sign out/ })
      .click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.getByLabel('Username').fill('ana');
    await page.getByLabel('Password', { exact: true }).fill('not this one');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('The username or password is not right.').waitFor();
    await eventually(focusedLabel(page), 'Password');
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Welcome, Ana Ruiz' }).waitFor();
    await page.context().close();
  });

  test('the link works once', async () => {
    const { page } = await visit(browser(), link);
    await page.getByRole('heading', { name: 'This server is set up' }).waitFor();
    await page.getByRole('link', { name: 'Go to sign in' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    // What is missing is said at its field, the first of which takes the focus.
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('Enter your username.').waitFor();
    await page.getByText('Enter your password.').waitFor();
    await eventually(() => page.getByLabel('Username').evaluate((field) => field === document.activeElement), true);
    await page.context().close();
  });

  test('who has no invitation code is asked for one', async () => {
    const { page } = await visit(browser(), `${server.baseUrl}/#/sign-up`);
    await page.getByLabel('Username').fill('ben');
    await page.getByText('This name is free.').waitFor();
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByLabel('Invitation code').fill('a guess');
    await photograph(page, 'sign-up');
    await page.getByRole('button', { name: 'Create an account' }).click();
    await page.getByText('This code is not valid. Ask for a new one.').waitFor();
    await page.context().close();
  });
});
