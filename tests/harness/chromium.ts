import { execFileSync } from 'node:child_process';
import { type Browser, chromium } from 'playwright-core';

// The tests run with `--disable-proto=throw`, but playwright-core itself sets prototypes this way when it words an error.
Object.defineProperty(Object.prototype, '__proto__', {
  configurable: true,
  get() {
    return Object.getPrototypeOf(this);
  },
  set(prototype: object | null) {
    Object.setPrototypeOf(this, prototype);
  },
});

/** Debian's Chromium, or Google's Chrome. Undefined where there is neither: browser tests are skipped then. */
export const CHROMIUM: string | undefined = find();

function find(): string | undefined {
  for (const program of ['chromium', 'google-chrome', 'chromium-browser'])
    try {
      return execFileSync('/bin/sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();
    } catch {
      // The next name is tried.
    }
  return undefined;
}

/** Starts a browser without a window. Chromium cannot use its sandbox as root. */
export async function launchChromium(): Promise<Browser> {
  if (CHROMIUM === undefined) throw new Error('There is no Chromium.');
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return await chromium.launch({ executablePath: CHROMIUM, args });
}
