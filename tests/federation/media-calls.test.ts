import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import type { MatrixError } from '../../server/src/protocol/errors.ts';
import { startLoopbackServer } from '../base/loopback-server.ts';
import { testDatabase } from '../harness/test-database.ts';
import { sendJson, startScriptedPeer, testFederation } from './federation-scene.ts';
import { manualClock } from './manual-clock.ts';

const db = await testDatabase();
const FILE = Buffer.concat([Buffer.from('\r\n--x\r\n'), randomBytes(300_000)]);

function multipart(response: ServerResponse, headers: string[], content: Buffer | string): void {
  response.writeHead(200, { 'content-type': 'multipart/mixed; boundary=x' });
  response.write('--x\r\nContent-Type: application/json\r\n\r\n{}\r\n--x');
  response.write(`\r\n${headers.map((header) => `${header}\r\n`).join('')}\r\n`);
  response.write(content);
  response.end('\r\n--x--');
}

async function scene(handle: (request: IncomingMessage, response: ServerResponse) => void) {
  const clock = manualClock(Date.now());
  const peer = await startScriptedPeer(clock);
  const urls: string[] = [];
  peer.handle = (request, response) => {
    urls.push(request.url ?? '');
    handle(request, response);
  };
  const { client } = await testFederation(db, { clock });
  const download = async (maxBytes = 1_000_000, deadlineMs = 60_000) => {
    const { body, ...rest } = await client.mediaDownload(peer.serverName, { mediaId: 'abc', maxBytes }, { deadlineMs });
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(chunk);
    return { ...rest, content: Buffer.concat(chunks) };
  };
  const failure = (maxBytes?: number, deadlineMs?: number) =>
    download(maxBytes, deadlineMs).then(
      () => {
        throw new Error('It did not fail.');
      },
      (error: MatrixError) => error,
    );
  return { client, peer, urls, download, failure };
}

test('a file is streamed out of its multipart body', async () => {
  const headers = ['Content-Type: image/png', 'Content-Disposition: inline; filename=a.png', 'content-length: 300007'];
  const content = FILE.subarray(7);
  const { download, urls } = await scene((_request, response) => multipart(response, headers, content));
  const file = await download();
  expect(createHash('sha256').update(file.content).digest()).toEqual(createHash('sha256').update(content).digest());
  expect(file).toMatchObject({
    contentType: 'image/png',
    contentDisposition: 'inline; filename=a.png',
    contentLength: 300_007,
  });
  expect(urls).toEqual(['/_matrix/federation/v1/media/download/abc']);
});

test('a thumbnail is asked for with what the client wants', async () => {
  const { client, peer, urls } = await scene((_request, response) => multipart(response, [], 'x'));
  const request = {
    mediaId: 'abc',
    maxBytes: 10,
    width: 32,
    height: 16,
    method: 'crop',
    animated: false,
    timeoutMs: 5,
  } as const;
  (await client.mediaThumbnail(peer.serverName, request)).body.destroy();
  expect(urls).toEqual([
    '/_matrix/federation/v1/media/thumbnail/abc?width=32&height=16&method=crop&animated=false&timeout_ms=5',
  ]);
});

test('a redirect in the second part is followed, unsigned', async () => {
  const seen: unknown[] = [];
  const store = await startLoopbackServer((request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(200, { 'content-type': 'text/plain' }).end('from the store');
  }, 'localhost');
  const { download } = await scene((_request, response) =>
    multipart(response, [`Location: https://localhost:${store.port}/file?token=1`], ''),
  );
  expect(await download()).toMatchObject({ content: Buffer.from('from the store'), contentType: 'text/plain' });
  expect(seen).toEqual([undefined]);
});

test.each([
  ['https://10.0.0.1/file', /cannot be reached/],
  ['https://169.254.169.254/latest', /cannot be reached/],
  ['http://localhost:1/file', /https/],
  ['file:///etc/passwd', /cannot be reached/],
  ['/relative', /cannot be reached/],
])('A5.1 a redirect to %s is refused', async (location, message) => {
  const { failure } = await scene((_request, response) => multipart(response, [`Location: ${location}`], ''));
  const error = await failure();
  expect(error.message).toMatch(message);
  expect(error.status).toBe(502);
});

test('only a server that does not know the endpoint is asked at the deprecated one, and not for what others have', async () => {
  const { download, peer, urls } = await scene((request, response) => {
    if (request.url?.startsWith('/_matrix/federation/')) return sendJson(response, { errcode: 'M_UNRECOGNIZED' }, 404);
    response.writeHead(200, { 'content-type': 'text/plain', 'content-disposition': 'attachment' }).end('old');
  });
  expect(await download()).toMatchObject({ content: Buffer.from('old'), contentDisposition: 'attachment' });
  expect(urls[1]).toBe(`/_matrix/media/v3/download/${encodeURIComponent(peer.serverName)}/abc?allow_remote=false`);
  const known = await scene((_request, response) => sendJson(response, { errcode: 'M_NOT_FOUND' }, 404));
  expect(await known.failure()).toMatchObject({ status: 404, errcode: 'M_NOT_FOUND' });
  expect(known.urls.length).toBe(1);
});

test.each([
  [504, 'M_NOT_YET_UPLOADED', 504, 'M_NOT_YET_UPLOADED'],
  [502, 'M_TOO_LARGE', 502, 'M_TOO_LARGE'],
  [401, 'M_UNKNOWN_TOKEN', 502, 'M_UNKNOWN'],
])('A5.5 a %i %s for a file reaches clients as %i %s', async (status, errcode, seen, code) => {
  const { failure } = await scene((_request, response) => sendJson(response, { errcode, error: 'x' }, status));
  expect(await failure()).toMatchObject({ status: seen, errcode: code });
});

test('A5.3 a file over the limit fails while it is read, or at once when its size is known', async () => {
  const streamed = await scene((_request, response) => multipart(response, [], FILE.subarray(7)));
  expect(await streamed.failure(1_000)).toMatchObject({ status: 502, errcode: 'M_TOO_LARGE' });
  const announced = await scene((_request, response) => {
    response.writeHead(200, { 'content-type': 'multipart/mixed; boundary=x', 'content-length': 9_000_000 });
    response.write('--x');
  });
  expect(await announced.failure(1_000)).toMatchObject({ status: 502, errcode: 'M_TOO_LARGE' });
});

test('A5.3 a file that drips fails at the deadline', async () => {
  const { failure } = await scene((_request, response) => {
    response.writeHead(200, { 'content-type': 'multipart/mixed; boundary=x' });
    response.write('--x\r\n\r\n{}\r\n--x\r\n\r\n');
    const timer = setInterval(() => response.write('x'), 20);
    response.on('close', () => clearInterval(timer));
  });
  expect(await failure(1_000_000, 500)).toMatchObject({ status: 504, reason: 'unreachable' });
});

test('a file that is cut short fails', async () => {
  const { failure } = await scene((_request, response) => {
    response.writeHead(200, { 'content-type': 'multipart/mixed; boundary=x' });
    response.end('--x\r\n\r\n{}\r\n--x\r\n\r\nthe fi');
  });
  expect(await failure()).toMatchObject({ status: 502, reason: 'bad_answer' });
});

test.each([
  ['plain JSON', 'application/json', '{}'],
  ['one part', 'multipart/mixed; boundary=x', '--x\r\n\r\n{}\r\n--x--'],
  ['no part', 'multipart/mixed; boundary=x', '--x--'],
  ['endless metadata', 'multipart/mixed; boundary=x', `--x\r\n\r\n${' '.repeat(70_000)}\r\n--x--`],
])('an answer with %s is a bad answer', async (_title, type, body) => {
  const { failure } = await scene((_request, response) => response.writeHead(200, { 'content-type': type }).end(body));
  expect(await failure()).toMatchObject({ status: 502, reason: 'bad_answer' });
});

test.each(['..', '', 'a/b', 'a?b', 'x'.repeat(256)])('A6.1 no request is made for the media id %j', async (mediaId) => {
  const { client, peer, urls } = await scene((_request, response) => response.end());
  const request = client.mediaDownload(peer.serverName, { mediaId, maxBytes: 10 });
  await expect(request).rejects.toMatchObject({ status: 404 });
  expect(urls).toEqual([]);
});

test('a file that nobody reads does not keep its connection', async () => {
  let closed: (() => void) | undefined;
  const wasClosed = new Promise<void>((resolve) => {
    closed = resolve;
  });
  const { client, peer } = await scene((_request, response) => {
    response.on('close', () => closed?.());
    response.writeHead(200, { 'content-type': 'multipart/mixed; boundary=x' });
    response.write('--x\r\n\r\n{}\r\n--x\r\n\r\nstart');
  });
  const { body } = await client.mediaDownload(peer.serverName, { mediaId: 'abc', maxBytes: 100 });
  body.destroy();
  await wasClosed;
});
