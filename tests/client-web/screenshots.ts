import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';

/** Pictures for people to look at. Git ignores the folder. */
const FOLDER = fileURLToPath(new URL('../screenshots/', import.meta.url));

const SIZES = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } } as const;

/**
 * Takes pictures of what the page shows: at a desktop's and a phone's size, light and dark, as
 * `<name>.<size>.<theme>.png`. Leaves the page as large and as light as a desktop.
 */
export async function photograph(
  page: Page,
  name: string,
  sizes: readonly (keyof typeof SIZES)[] = ['desktop', 'phone'],
): Promise<void> {
  for (const size of sizes) {
    await page.setViewportSize(SIZES[size]);
    for (const theme of ['dark', 'light'] as const) {
      await page.emulateMedia({ colorScheme: theme });
      await page.screenshot({ path: path.join(FOLDER, `${name}.${size}.${theme}.png`) });
    }
  }
  await page.setViewportSize(SIZES.desktop);
}

/** Takes a picture of every page that is open, as `failed-<what>-<number>.png`. */
export async function photographFailure(browser: Browser | undefined, what: string): Promise<void> {
  const pages = browser?.contexts().flatMap((context) => context.pages()) ?? [];
  const name = what.replaceAll(/[^a-z0-9]+/gi, '-').slice(0, 60);
  for (const [index, page] of pages.entries())
    await page.screenshot({ path: path.join(FOLDER, `failed-${name}-${index}.png`) });
}
