import { randomBytes } from 'node:crypto';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { startHomeserver, type TestHomeserver } from '../harness/homeserver.ts';
import { errorOf } from './media-server.ts';

const alpha = await startHomeserver();
const beta = await startHomeserver();

async function register(server: TestHomeserver, username: string): Promise<string> {
  const response = await fetch(`${server.baseUrl}/_matrix/client/v3/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password: `password of ${username}`, auth: { type: 'm.login.dummy' } }),
  });
  return ((await response.json()) as { access_token: string }).access_token;
}

const alice = { authorization: `Bearer ${await register(alpha, 'alice')}` };
const bob = { authorization: `Bearer ${await register(beta, 'bob')}` };

/** Uploads to alpha and answers what comes after `mxc://`. */
async function upload(body: Uint8Array<ArrayBuffer>, type: string, name: string): Promise<string> {
  const url = `${alpha.baseUrl}/_matrix/media/v3/upload?filename=${encodeURIComponent(name)}`;
  const response = await fetch(url, { method: 'POST', headers: { ...alice, 'content-type': type }, body });
  return ((await response.json()) as { content_uri: string }).content_uri.slice('mxc://'.length);
}

const fromBeta = (path: string) => fetch(`${beta.baseUrl}/_matrix/client/v1/media/${path}`, { headers: bob });

test('a file from one server is downloaded through another, whole, with its name and type', async () => {
  const bytes = randomBytes(3_000_000);
  const media = await upload(bytes, 'application/x-thing', 'Größe "x".bin');
  const response = await fromBeta(`download/${media}`);
  expect(response.status).toBe(200);
  expect(bytes.equals(Buffer.from(await response.arrayBuffer()))).toBe(true);
  expect(response.headers.get('content-type')).toBe('application/x-thing');
  expect(response.headers.get('content-disposition')).toBe(
    `attachment; filename="Gr__e \\"x\\".bin"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%22x%22.bin`,
  );
});

test('an image from another server has thumbnails here', async () => {
  const image = sharp({ create: { width: 1000, height: 500, channels: 3, background: 'green' } }).png();
  const media = await upload(new Uint8Array(await image.toBuffer()), 'image/png', 'green.png');
  const response = await fromBeta(`thumbnail/${media}?width=320&height=240`);
  expect(await sharp(await response.arrayBuffer()).metadata()).toMatchObject({ width: 320, height: 160 });
});

test('what was fetched once is there when its own server is gone, and nothing else is', async () => {
  const kept = await upload(randomBytes(10), 'text/plain', 'kept.txt');
  const lost = await upload(randomBytes(10), 'text/plain', 'lost.txt');
  expect((await fromBeta(`download/${kept}`)).status).toBe(200);
  expect(await errorOf(await fromBeta(`download/${alpha.serverName}/absent`))).toEqual([404, 'M_NOT_FOUND']);
  await alpha.stop();
  expect((await fromBeta(`download/${kept}`)).status).toBe(200);
  expect((await fromBeta(`download/${lost}`)).status).toBe(502);
});
