import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAuthenticate } from '../../server/src/http/access-token.ts';
import { addClientRoutes } from '../../server/src/http/client-routes.ts';
import { createHttpServer } from '../../server/src/http/http-server.ts';
import { noRateLimits } from '../../server/src/http/rate-limits.ts';
import { clientRoute } from '../../server/src/http/route.ts';
import { unknownToken } from '../../server/src/protocol/errors.ts';

let waiting: (() => void) | undefined;
let release: (() => void) | undefined;
let isSignedIn = true;
let tokenId = 1;
let endSession: (tokenId: number) => void = () => {};
const gone = Promise.withResolvers<void>();

/** Tells that a request has arrived, and waits until the test or the signal lets it go. */
async function wait(signal: AbortSignal): Promise<object> {
  const { promise, resolve } = Promise.withResolvers<void>();
  release = resolve;
  signal.addEventListener('abort', () => resolve());
  if (signal.aborted) resolve();
  waiting?.();
  await promise;
  if (signal.aborted) gone.resolve();
  return { aborted: signal.aborted };
}

const route = { method: 'GET', guests: true, rateLimit: 'none', auth: 'access_token' } as const;
const app = createHttpServer({ logger: { info() {}, error() {} }, trustProxy: [], cors: true });
addClientRoutes(
  app,
  [
    clientRoute({ ...route, path: '/poll', longPoll: true, handle: async ({ signal }) => await wait(signal) }),
    clientRoute({ ...route, path: '/work', handle: async ({ signal }) => await wait(signal) }),
    clientRoute({
      ...route,
      method: 'POST',
      path: '/poll',
      longPoll: true,
      handle: async ({ signal }) => await wait(signal),
    }),
  ],
  {
    rateLimits: noRateLimits,
    onSessionEnd(listener) {
      endSession = listener;
    },
    authenticate: createAuthenticate(async () => {
      if (!isSignedIn) throw unknownToken('Unknown token.');
      return { userId: '@a:x', deviceId: 'D', tokenId, isGuest: false, isAdmin: false };
    }),
  },
);
let base: string;
beforeAll(async () => {
  base = await app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => app.close());

/** Starts a request and answers once it is being handled. */
async function start(path: string, init: RequestInit = {}): Promise<{ answer: Promise<Response> }> {
  const arrived = new Promise<void>((resolve) => {
    waiting = resolve;
  });
  const answer = fetch(base + path, { ...init, headers: { authorization: 'Bearer x' } });
  answer.catch(() => {}); // Looked at later, or never.
  await arrived;
  return { answer };
}

test.each(['GET', 'POST'])('a %s poll ends when its client goes away, not before', async (method) => {
  const client = new AbortController();
  const body = method === 'POST' ? { body: '{}' } : {};
  await start('/poll', { method, signal: client.signal, ...body });
  client.abort();
  await gone.promise;
});

test('nothing is told to a session that ended while its poll waited', async () => {
  const { answer } = await start('/poll');
  isSignedIn = false;
  release?.();
  const response = await answer;
  isSignedIn = true;
  expect([response.status, ((await response.json()) as { errcode: string }).errcode]).toEqual([401, 'M_UNKNOWN_TOKEN']);
});

test('a poll whose session ended as it began does not wait', async () => {
  endSession(2);
  const others = await start('/poll');
  release?.();
  expect(await (await others.answer).json()).toEqual({ aborted: false });
  endSession(1);
  const { answer } = await start('/poll');
  expect(await (await answer).json()).toEqual({ aborted: true });
  tokenId = 3;
});

test('a server that stops answers its polls at once, and waits for other work', async () => {
  const poll = await start('/poll');
  const work = await start('/work');
  const closed = app.close();
  const polled = await poll.answer;
  expect(await polled.json()).toEqual({ aborted: true });
  expect(polled.headers.get('connection')).toBe('close');
  release?.();
  expect(await (await work.answer).json()).toEqual({ aborted: false });
  await closed;
});
