import type { RequestListener } from 'node:http';
import { expect, test } from 'vitest';
import type { OutboundHttp } from '../../server/src/base/outbound-http.ts';
import { createWellKnown } from '../../server/src/federation/well-known.ts';
import { startLoopbackServer, testOutbound } from '../base/loopback-server.ts';
import { manualClock } from './manual-clock.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** The well-known look-up against a web server whose port stands for 443. */
async function scene(handler: RequestListener) {
  let requests = 0;
  const server = await startLoopbackServer((request, response) => {
    requests++;
    handler(request, response);
  }, 'hs.localhost');
  const http = await testOutbound();
  const toPort: OutboundHttp = {
    ...http,
    request: (request) =>
      http.request({ ...request, to: (request.to as string).replace('hs.localhost', `hs.localhost:${server.port}`) }),
  };
  const clock = manualClock();
  const wellKnown = createWellKnown({ http: toPort, clock, random: () => 0 });
  return { look: () => wellKnown('hs.localhost'), clock, server, requests: () => requests };
}

const DELEGATION = JSON.stringify({ 'm.server': 'delegated.example:443' });

test.each([
  ['no header: a day', {}, 24 * HOUR],
  ['max-age', { 'cache-control': 'public, max-age=7200' }, 2 * HOUR],
  ['at least five minutes', { 'cache-control': 'max-age=1' }, 5 * MINUTE],
  ['at most two days', { 'cache-control': 'max-age=99999999' }, 48 * HOUR],
  ['no-store: five minutes', { 'cache-control': 'no-store' }, 5 * MINUTE],
  ['Expires', { expires: new Date(1_700_000_000_000 + 3 * HOUR).toUTCString() }, 3 * HOUR],
  ['max-age before Expires', { 'cache-control': 'max-age=3600', expires: 'Thu, 01 Jan 1970 00:00:00 GMT' }, HOUR],
])('a delegation is kept as long as it says (%s)', async (_title, headers, lifetime) => {
  const { look, clock, requests } = await scene((_request, response) =>
    response.writeHead(200, headers).end(DELEGATION),
  );
  expect(await look()).toBe('delegated.example:443');
  clock.advance(lifetime - 1);
  expect(await look()).toBe('delegated.example:443');
  expect(requests()).toBe(1);
  clock.advance(1);
  await look();
  expect(requests()).toBe(2);
});

test('failures are kept too, from a minute up to an hour', async () => {
  const { look, clock, requests } = await scene((_request, response) => response.writeHead(404).end());
  for (const [i, minutes] of [1, 2, 4, 8, 16, 32, 60, 60].entries()) {
    expect(await look()).toBeUndefined();
    expect(requests()).toBe(i + 1);
    clock.advance(minutes * MINUTE - 1);
    await look();
    expect(requests()).toBe(i + 1);
    clock.advance(1);
  }
});

test('a delegation outlives failures until it is two days old', async () => {
  let works = true;
  const { look, clock } = await scene((_request, response) => {
    if (works) response.writeHead(200, { 'cache-control': 'max-age=3600' }).end(DELEGATION);
    else response.writeHead(502).end();
  });
  await look();
  works = false;
  clock.advance(47 * HOUR);
  expect(await look()).toBe('delegated.example:443');
  clock.advance(2 * HOUR);
  expect(await look()).toBeUndefined();
  works = true;
  clock.advance(2 * HOUR);
  expect(await look()).toBe('delegated.example:443');
});

test('look-ups at the same time ask once', async () => {
  const { look, requests } = await scene((_request, response) => response.end(DELEGATION));
  await Promise.all([look(), look(), look()]);
  expect(requests()).toBe(1);
});

test('A5.3 a well-known file of more than 50 KiB delegates to nobody', async () => {
  const { look } = await scene((_request, response) => response.end(DELEGATION + ' '.repeat(51 * 1024)));
  expect(await look()).toBeUndefined();
});

test('A5.3 redirects are followed five times and no further', async () => {
  const { look, requests } = await scene((request, response) => {
    const hop = Number(new URL(request.url ?? '', 'https://x').searchParams.get('hop') ?? 0);
    if (hop === 5) response.end(DELEGATION);
    else response.writeHead(302, { location: `?hop=${hop + 1}` }).end();
  });
  expect(await look()).toBe('delegated.example:443');
  expect(requests()).toBe(6);
});

test('A5.3 a redirection loop delegates to nobody', async () => {
  const { look, requests } = await scene((_request, response) => response.writeHead(302, { location: '?' }).end());
  expect(await look()).toBeUndefined();
  expect(requests()).toBe(6);
});

test('A5.1 a redirect to a private address delegates to nobody', async () => {
  const { look } = await scene((_request, response) =>
    response.writeHead(302, { location: 'https://10.0.0.1/.well-known/matrix/server' }).end(),
  );
  expect(await look()).toBeUndefined();
});

test('the wall clock of either side does not shorten or lengthen what is kept', async () => {
  const { look, clock, requests } = await scene((_request, response) => response.end(DELEGATION));
  await look();
  clock.stepWall(365 * 24 * HOUR);
  await look();
  clock.stepWall(-2 * 365 * 24 * HOUR);
  await look();
  expect(requests()).toBe(1);
});
