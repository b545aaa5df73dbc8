import type { Page, Route } from 'playwright-core';

/** Holds back a page's requests while it is closed. */
export interface RequestGate {
  /** From now on requests wait. Resolves to a promise of the first that does. */
  close(): { readonly arrived: Promise<void> };
  /** Lets those that wait go, and all that follow. */
  open(): void;
}

/** A gate for the requests whose URL matches; open at first. */
export async function gateRequests(page: Page, pattern: RegExp): Promise<RequestGate> {
  let isOpen = true;
  let waiting: Route[] = [];
  let arrive = (): void => {};
  await page.route(pattern, async (route) => {
    if (isOpen) {
      await route.continue();
      return;
    }
    waiting.push(route);
    arrive();
  });
  return {
    close() {
      isOpen = false;
      const { promise, resolve } = Promise.withResolvers<void>();
      arrive = resolve;
      return { arrived: promise };
    },
    open() {
      isOpen = true;
      for (const route of waiting) route.continue().catch(() => undefined);
      waiting = [];
    },
  };
}
