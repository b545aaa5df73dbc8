import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { launchChromium } from '../harness/chromium.ts';
import type { TestHomeserver } from '../harness/homeserver.ts';
import { photographFailure } from './screenshots.ts';

/** How long anything may take to appear, in milliseconds. Plenty, for machines that do other work at the same time. */
export const PATIENCE_MS = 60_000;

export const PASSWORD = 'correct horse battery';

/** Somebody at a browser of their own, who sees the page and nothing else. */
export interface Visitor {
  readonly page: Page;
  /** Errors of the page, and everything that its content security policy refused. */
  readonly complaints: readonly string[];
}

/** One browser for the whole test file. What its pages show when a test fails is kept as pictures. */
export function sharedBrowser(): () => Browser {
  let browser: Browser | undefined;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await photographFailure(browser, task.name);
  });
  afterAll(async () => await browser?.close());
  return () => {
    if (browser === undefined) throw new Error('The browser starts before the first test.');
    return browser;
  };
}

/** Opens an address in a browser that has never been there: no login, nothing stored. */
export async function visit(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Visitor> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    locale: 'en-GB',
    timezoneId: 'UTC',
    reducedMotion: 'reduce',
    ...options,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (/Content Security Policy|TrustedHTML|TrustedScript/.test(message.text())) complaints.push(message.text());
  });
  await page.goto(url);
  return { page, complaints };
}

/** Opens an address as somebody who has signed in there before. */
export async function visitAs(
  browser: Browser,
  server: TestHomeserver,
  user: { readonly userId: string; readonly deviceId: string; readonly accessToken: string },
  options: BrowserContextOptions = {},
): Promise<Visitor> {
  const { baseUrl } = server;
  const { userId, deviceId, accessToken } = user;
  const credentials = JSON.stringify({ baseUrl, userId, deviceId, accessToken });
  const origins = [{ origin: baseUrl, localStorage: [{ name: 'parley:credentials', value: credentials }] }];
  return await visit(browser, `${baseUrl}/`, { storageState: { cookies: [], origins }, ...options });
}

/** Creates an account on the page for it, and waits for the frame. */
export async function signUp(page: Page, server: TestHomeserver, name: string): Promise<void> {
  await page.goto(`${server.baseUrl}/#/sign-up`);
  await page.getByLabel('Your name').fill(name);
  await page.getByLabel('Username').fill(usernameOf(name));
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Create an account' }).click();
  await page.getByRole('heading', { name: `Welcome, ${name}` }).waitFor();
}

/** `Ana Ruiz` is `ana`. */
export function usernameOf(name: string): string {
  return name.toLowerCase().replace(/ .*/, '');
}

/** The field that messages of the open room are written in. */
export function composer(page: Page): Locator {
  return page.getByRole('main').getByRole('textbox', { name: /^Message / });
}

/**
 * Takes away what is written in a field, by keys. `fill` selects by script, which an editor hears of by an event: on a busy
 * machine the key that deletes is faster.
 */
export async function clear(field: Locator): Promise<void> {
  await field.press('ControlOrMeta+a');
  await field.press('Backspace');
}

export async function say(page: Page, text: string): Promise<void> {
  await composer(page).fill(text);
  await composer(page).press('Enter');
}

/** The message in the open timeline that has this text in it. */
export function message(page: Page, text: string | RegExp): Locator {
  return page.getByRole('feed').getByRole('article').filter({ hasText: text });
}

/** The link of a room in the list. */
export function roomInList(page: Page, name: string): Locator {
  return page.getByRole('navigation', { name: 'Channels and messages' }).getByRole('link', { name });
}

/** Waits until a condition of the page holds that no locator expresses. */
export async function eventually<T>(read: () => Promise<T>, expected: T): Promise<void> {
  await expect.poll(read, { timeout: PATIENCE_MS }).toEqual(expected);
}
