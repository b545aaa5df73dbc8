/**
 * `node tests/client-web/speed.ts URL`: measures the web client that a server without rooms serves, in Chromium with its processor
 * four times slower, as its budgets have it. The first login counts from the press of the button. Prints rows of
 * `npm run bench -- --client`, which starts this.
 */
import type { BrowserContext, CDPSession, Page } from 'playwright-core';
import { limitRow, type Row } from '../bench/row.ts';
import { send } from '../bench/sends.ts';
import { launchChromium } from '../harness/chromium.ts';
import { joinRoom, registerClients } from '../torture/chat-rooms.ts';
import { expectOk, type MatrixClient } from '../torture/matrix-client.ts';
import { percentile } from '../torture/scenario.ts';

const ROOMS = 500;
const PEOPLE = 5;
const MESSAGES_PER_ROOM = 15;
const LONG_ROOM = 600;
const THROTTLE = 4;
const REPEATS = 5;
const LONG_TASK_MS = 50;

declare global {
  interface Window {
    /** Milliseconds since the start of the page, when the first drawing that has rows of the list was over. */
    listAt: number | undefined;
    longTasks: number[];
  }
}

/** Runs in the page before anything of it. */
function watchPage(): void {
  window.longTasks = [];
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) window.longTasks.push(duration);
  }).observe({ type: 'longtask', buffered: true });
  new MutationObserver((_, observer) => {
    if (document.querySelectorAll('a[data-room]').length < 10) return;
    observer.disconnect();
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        window.listAt = performance.now();
      };
      port2.postMessage(undefined);
    });
  }).observe(document, { childList: true, subtree: true });
}

/** A team with many rooms, all of which somebody has written to. */
async function prepare(url: string): Promise<{ people: readonly MatrixClient[]; longRoom: string }> {
  const people = await registerClients([url], 'person', PEOPLE);
  let next = 0;
  const create = async (name: string, messages: number) => {
    const [creator, ...others] = people.toSpliced(0, next % PEOPLE).concat(people.slice(0, next % PEOPLE));
    if (creator === undefined) throw new Error('people are needed');
    const body = await expectOk(creator.call('POST', '/_matrix/client/v3/createRoom', { preset: 'public_chat', name }));
    const room = String(body.room_id);
    for (const other of others) await joinRoom(other, room);
    for (let n = 0; n < messages; n++) {
      const sender = people[n % PEOPLE] ?? creator;
      await send(sender, room, `message ${n} in ${name}: about as long as people write, now and then a bit longer`);
    }
    return room;
  };
  const worker = async () => {
    for (let n = next++; n < ROOMS - 1; n = next++) await create(`project ${n}`, MESSAGES_PER_ROOM);
  };
  await Promise.all(Array.from({ length: 10 }, worker));
  return { people, longRoom: await create('the long one', LONG_ROOM) };
}

async function listAt(page: Page): Promise<number> {
  await page.waitForFunction(() => window.listAt !== undefined);
  return await page.evaluate(() => window.listAt ?? 0);
}

/** Milliseconds from a press, which the page itself makes, until what it leads to has been drawn. */
async function measurePress(page: Page, press: string, wanted: string): Promise<number> {
  return await page.evaluate(
    async ([pressed, selector]) => {
      const target = document.querySelector<HTMLElement>(pressed);
      if (!target) throw new Error(`nothing is ${pressed}`);
      const started = performance.now();
      target.click();
      while (!document.querySelector(selector)) await new Promise((resolve) => requestAnimationFrame(resolve));
      return performance.now() - started;
    },
    [press, wanted] as const,
  );
}

async function signIn(page: Page, url: string): Promise<number> {
  await page.goto(`${url}/#/sign-in`);
  await page.getByLabel('Username').fill('person0');
  await page.getByLabel('Password', { exact: true }).fill('password of person0');
  // As long as it takes to type them.
  await page.waitForTimeout(4000);
  const started = await page.evaluate(() => performance.now());
  await page.getByRole('button', { name: 'Sign in' }).click();
  return (await listAt(page)) - started;
}

async function settle(page: Page): Promise<void> {
  for (let before = -1; ; ) {
    const now = await page.evaluate(() => window.longTasks.length);
    if (now === before) return;
    before = now;
    await page.waitForTimeout(1500);
  }
}

async function measureStart(page: Page, url: string): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < REPEATS; n++) {
    await page.goto('about:blank');
    await page.goto(`${url}/`);
    times.push(await listAt(page));
    await settle(page);
  }
  return times;
}

async function measureSwitch(page: Page): Promise<number[]> {
  const hrefs = await page
    .locator('a[data-room]')
    .evaluateAll((links) => links.map((link) => link.getAttribute('href')));
  const [a, b] = hrefs;
  const times: number[] = [];
  // Each is opened once before it counts: the first time fetches.
  for (let n = 0; n < 2 * (REPEATS + 1); n++) {
    const href = n % 2 === 0 ? a : b;
    const name = await page.locator(`a[href="${href}"] span`).nth(1).textContent();
    const wanted = `main[aria-label="${name}"]:not([aria-busy]) article`;
    const time = await measurePress(page, `a[href="${href}"]`, wanted);
    if (n >= 2) times.push(time);
    await page.waitForTimeout(1000);
  }
  return times;
}

async function measureEcho(page: Page): Promise<number[]> {
  const times: number[] = [];
  const field = page.getByRole('main').getByRole('textbox', { name: /^Message / });
  for (let n = 0; n < REPEATS; n++) {
    const text = `echo ${Math.random()}`;
    await field.fill(text);
    const time = page.evaluate(
      (wanted) =>
        new Promise<number>((resolve) => {
          addEventListener(
            'keydown',
            (event) => {
              const look = () => {
                const rows = [...document.querySelectorAll('main article')];
                if (rows.at(-1)?.textContent?.includes(wanted)) resolve(performance.now() - event.timeStamp);
                else requestAnimationFrame(look);
              };
              look();
            },
            { capture: true, once: true },
          );
        }),
      text,
    );
    await field.press('Enter');
    times.push(await time);
    await page.waitForTimeout(500);
  }
  return times;
}

/** The longest task while others write, in milliseconds: what is below a long task counts as one. */
async function measureIdle(page: Page, people: readonly MatrixClient[], room: string): Promise<number> {
  await settle(page);
  await page.evaluate(() => {
    window.longTasks = [];
  });
  for (let n = 0; n < 20; n++) {
    for (const person of people.slice(1, 3)) await send(person, room, `while idle ${n}`);
    await page.waitForTimeout(250);
  }
  return Math.max(LONG_TASK_MS, ...(await page.evaluate(() => window.longTasks)));
}

/** Frames a second while a long room is scrolled up, history loading as it goes. */
async function measureScrolling(page: Page, cdp: CDPSession): Promise<number> {
  await page.getByRole('main').getByRole('article').first().waitFor();
  const frames = page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        const end = performance.now() + 5000;
        let count = 0;
        const frame = () => {
          count++;
          if (performance.now() < end) requestAnimationFrame(frame);
          else resolve(count / 5);
        };
        requestAnimationFrame(frame);
      }),
  );
  await cdp.send('Input.synthesizeScrollGesture', { x: 900, y: 400, yDistance: 20_000, speed: 4000 });
  return await frames;
}

const median = (times: readonly number[]) =>
  percentile(
    [...times].sort((a, b) => a - b),
    0.5,
  );

async function measure(url: string, say: (line: string) => void): Promise<Row[]> {
  say(`preparing ${ROOMS} rooms`);
  const { people, longRoom } = await prepare(url);
  const browser = await launchChromium();
  try {
    const context: BrowserContext = await browser.newContext({
      viewport: { width: 1440, height: 900 },
      locale: 'en-GB',
    });
    const page = await context.newPage();
    await page.addInitScript(watchPage);
    const cdp = await context.newCDPSession(page);
    await cdp.send('Emulation.setCPUThrottlingRate', { rate: THROTTLE });
    say('first login');
    const login = await signIn(page, url);
    await settle(page);
    say('starting again, switching rooms, writing');
    const starts = await measureStart(page, url);
    const switches = await measureSwitch(page);
    const echoes = await measureEcho(page);
    say('idle and scrolling');
    const idle = await measureIdle(page, people, longRoom);
    await page.goto(`${url}/#/room/${encodeURIComponent(longRoom)}`);
    const framesPerSecond = await measureScrolling(page, cdp);
    const ms = (name: string, value: number, limit: number) =>
      limitRow({ name: `client: ${name}`, value, unit: 'ms' }, limit);
    return [
      ms(`first login to a list of ${ROOMS} rooms`, login, 2500),
      ms(`warm start to a list of ${ROOMS} rooms`, median(starts), 1000),
      ms('switch to a cached room', median(switches), 100),
      ms('local echo', median(echoes), 50),
      ms('longest task while syncing idle', idle, LONG_TASK_MS),
      {
        name: 'client: frames while scrolling history',
        value: framesPerSecond,
        unit: '1/s',
        target: '≥ 55 1/s',
        met: framesPerSecond >= 55,
      },
    ];
  } finally {
    await browser.close();
  }
}

const [url] = process.argv.slice(2);
if (url === undefined) throw new Error('the address of a server is needed');
console.log(JSON.stringify(await measure(url, (line) => console.error(`• ${line}`))));
