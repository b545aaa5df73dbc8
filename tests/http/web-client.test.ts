import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { addClientRoutes } from '../../server/src/http/client-routes.ts';
import { createHttpServer } from '../../server/src/http/http-server.ts';
import { noRateLimits } from '../../server/src/http/rate-limits.ts';
import { clientRoute } from '../../server/src/http/route.ts';
import { addWebClient } from '../../server/src/http/web-client.ts';

const parent = await mkdtemp(path.join(tmpdir(), 'parley-web-'));
const folder = path.join(parent, 'dist');
await mkdir(path.join(folder, 'assets'), { recursive: true });
await writeFile(path.join(folder, 'index.html'), '<!doctype html><title>Parley</title>');
await writeFile(path.join(folder, 'assets', 'app-1a2b3c.js'), 'export {};');
await writeFile(path.join(folder, '.hidden'), 'hidden');
await writeFile(path.join(parent, 'secret.txt'), 'secret');

const app = createHttpServer({ logger: { info() {}, error() {} }, trustProxy: [], cors: true });
const route = {
  method: 'GET',
  path: '/_matrix/client/versions',
  auth: 'none',
  guests: true,
  rateLimit: 'none',
} as const;
addClientRoutes(app, [clientRoute({ ...route, handle: async () => ({ versions: [] }) })], {
  authenticate: async () => undefined,
  rateLimits: noRateLimits,
  onSessionEnd() {},
});
addWebClient(app, folder);
await app.ready();
afterAll(async () => {
  await app.close();
  await rm(parent, { recursive: true });
});
const get = (url: string) => app.inject({ method: 'GET', url });

test('A9.3 the page is asked for again every time and may run nothing but its own files', async () => {
  for (const url of ['/', '/index.html']) {
    const { statusCode, headers, body } = await get(url);
    expect([statusCode, headers['cache-control']]).toEqual([200, 'no-cache']);
    expect(headers['content-type']).toMatch(/^text\/html/);
    expect(body).toContain('<title>Parley</title>');
    const policy = String(headers['content-security-policy']);
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
    expect(policy).not.toMatch(/unsafe|\*/);
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['access-control-allow-origin']).toBeUndefined();
  }
});

test('A6.6 no page may be framed', async () => {
  for (const url of ['/', '/assets/app-1a2b3c.js', '/_matrix/client/versions', '/nothing'])
    expect((await get(url)).headers['content-security-policy']).toContain("frame-ancestors 'none'");
});

test('files with a hash in their name are kept for good', async () => {
  const { statusCode, headers } = await get('/assets/app-1a2b3c.js');
  expect([statusCode, headers['cache-control']]).toEqual([200, 'public, max-age=31536000, immutable']);
  expect(headers['content-type']).toMatch(/javascript/);
});

test.each([
  '/.hidden',
  '/../secret.txt',
  '/%2e%2e/secret.txt',
  '/..%2fsecret.txt',
  '/assets/..%2f..%2fsecret.txt',
  '/assets/',
  '/nothing',
])('A8.5 %s is not there', async (url) => {
  const { statusCode, body } = await get(url);
  expect(statusCode).toBe(404);
  expect(JSON.parse(body).errcode).toBe('M_UNRECOGNIZED');
});

test('the API is not hidden by the client, nor does the client answer for the API', async () => {
  expect((await get('/_matrix/client/versions')).json()).toEqual({ versions: [] });
  expect((await get('/_matrix/client/unknown')).json().errcode).toBe('M_UNRECOGNIZED');
  expect((await app.inject({ method: 'POST', url: '/' })).statusCode).toBe(405);
});
