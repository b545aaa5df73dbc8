import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';

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
  sizes: readonly (keyof typeof SIZES)[] = ['phone', 'desktop'],
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
