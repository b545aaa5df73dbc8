import { createHash, randomBytes } from 'node:crypto';
import { readdir, readlink } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { quarantineContent } from '../../server/src/storage/media.ts';
import { testDatabase } from '../harness/test-database.ts';
import { errorOf, startMediaServer } from '../media/media-server.ts';

const DOWNLOAD = '/_matrix/client/v1/media/download/parley.test';
const UPLOAD = '/_matrix/media/v3/upload';
const CREATE = '/_matrix/media/v1/create';

const db = await testDatabase();
const server = await startMediaServer({ db, limits: { maxUploadBytes: 1000 } });
const { request, upload } = server;

async function create(as = 'alice'): Promise<string> {
  const response = await request('POST', CREATE, { as });
  return ((await response.json()) as { content_uri: string }).content_uri.slice('mxc://parley.test/'.length);
}

describe('uploading and downloading', () => {
  test('what was uploaded comes back byte for byte, with its type and name', async () => {
    const bytes = randomBytes(1000);
    const mediaId = await upload(bytes, 'image/png', 'a cat.png');
    const response = await request('GET', `${DOWNLOAD}/${mediaId}`, { as: 'bob' });
    expect(response.status).toBe(200);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes);
    expect(response.headers.get('content-type')).toBe('image/png');
    expect(response.headers.get('content-length')).toBe('1000');
    expect(response.headers.get('content-disposition')).toBe('inline; filename="a cat.png"');
  });

  test('media ids are random: the same bytes twice are two media and one file (A6.1)', async () => {
    const bytes = randomBytes(100);
    const ids = [await upload(bytes), await upload(bytes)];
    expect(new Set(ids).size).toBe(2);
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_-]{24}$/);
    const hash = createHash('sha256').update(bytes).digest('hex');
    expect(await readdir(path.join(server.folder, 'content', hash.slice(0, 2)))).toContain(hash);
  });

  test('an empty file is a file', async () => {
    const mediaId = await upload(Buffer.alloc(0));
    const response = await request('GET', `${DOWNLOAD}/${mediaId}`, { as: 'bob' });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-length')).toBe('0');
    expect(response.headers.get('content-type')).toBe('application/octet-stream');
  });

  test('the limit holds to the byte, announced or not, and nothing stays behind', async () => {
    const chunked = (size: number) => new Blob([randomBytes(size)]).stream();
    expect((await request('POST', UPLOAD, { as: 'alice', body: randomBytes(1000) })).status).toBe(200);
    expect((await request('POST', UPLOAD, { as: 'alice', body: chunked(1000) })).status).toBe(200);
    expect(await errorOf(await request('POST', UPLOAD, { as: 'alice', body: randomBytes(1001) }))).toEqual([
      413,
      'M_TOO_LARGE',
    ]);
    expect(await errorOf(await request('POST', UPLOAD, { as: 'alice', body: chunked(1001) }))).toEqual([
      413,
      'M_TOO_LARGE',
    ]);
    expect(await readdir(server.parts.store.incomingFolder)).toEqual([]);
  });

  test('an upload that breaks off is no medium and leaves no file', async () => {
    const [before] = await db.query<{ count: number }>('SELECT count(*) FROM media');
    const broken = new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array(10));
      },
      pull(controller) {
        controller.error(new Error('gone'));
      },
    });
    await expect(request('POST', UPLOAD, { as: 'alice', body: broken })).rejects.toThrow();
    await expect.poll(() => readdir(server.parts.store.incomingFolder)).toEqual([]);
    const [after] = await db.query<{ count: number }>('SELECT count(*) FROM media');
    expect(after).toEqual(before);
  });

  test('the limit is what `config` says, under both of its paths', async () => {
    for (const path of ['/_matrix/client/v1/media/config', '/_matrix/media/v3/config']) {
      const response = await request('GET', path, { as: 'alice' });
      expect(await response.json()).toEqual({ 'm.upload.size': 1000 });
    }
  });

  test('guests may look but not upload; nobody may do either', async () => {
    const mediaId = await upload('x');
    expect((await request('GET', `${DOWNLOAD}/${mediaId}`, { as: 'guest' })).status).toBe(200);
    expect(await errorOf(await request('POST', UPLOAD, { as: 'guest', body: 'x' }))).toEqual([
      403,
      'M_GUEST_ACCESS_FORBIDDEN',
    ]);
    expect(await errorOf(await request('GET', `${DOWNLOAD}/${mediaId}`))).toEqual([401, 'M_MISSING_TOKEN']);
    expect(await errorOf(await request('POST', UPLOAD, { body: 'x' }))).toEqual([401, 'M_MISSING_TOKEN']);
    expect(await errorOf(await request('POST', CREATE))).toEqual([401, 'M_MISSING_TOKEN']);
  });

  test('the endpoints without access tokens are frozen: they show nothing, not even to who has a token (A6.2)', async () => {
    const mediaId = await upload('x', 'text/plain');
    for (const path of [
      `download/parley.test/${mediaId}`,
      `download/parley.test/${mediaId}/x.txt`,
      `download/elsewhere.test/${mediaId}?allow_remote=true`,
      `thumbnail/parley.test/${mediaId}?width=32&height=32`,
    ])
      expect(await errorOf(await request('GET', `/_matrix/media/v3/${path}`, { as: 'alice' }))).toEqual([
        404,
        'M_NOT_FOUND',
      ]);
  });

  test('quarantined bytes are gone under every media id, also under new ones (A6.7)', async () => {
    const ids = [await upload('bad bytes'), await upload('bad bytes')];
    const sha256 = createHash('sha256').update('bad bytes').digest();
    expect(await quarantineContent(db, sha256, '@admin:parley.test', 1)).toBe(true);
    for (const id of [...ids, await upload('bad bytes')])
      expect(await errorOf(await request('GET', `${DOWNLOAD}/${id}`, { as: 'bob' }))).toEqual([404, 'M_NOT_FOUND']);
  });
});

describe('media ids as paths (A6.1)', () => {
  test.each([
    '..%2f..%2f..%2fetc%2fpasswd',
    '..',
    '%2e%2e',
    '....//',
    'a%00b',
    'a%2Fb',
    'a%5Cb',
    'a.png',
    'ü',
    'a'.repeat(256),
    '..%252f..%252fetc',
    '~root',
    '-',
  ])('`%s` is no medium', async (mediaId) => {
    for (const kind of ['download', 'thumbnail']) {
      const url = `/_matrix/client/v1/media/${kind}/parley.test/${mediaId}?width=32&height=32`;
      const response = await request('GET', url, { as: 'bob' });
      expect([400, 404]).toContain(response.status);
      expect(((await response.json()) as { errcode: string }).errcode).toMatch(/^M_/);
    }
  });

  test.each(['..', '..%2f..', '-bad-%20', 'a_b', '127.0.0.1%2f..', '[::1', 'host:port'])(
    'server name `%s` is nowhere',
    async (serverName) => {
      const url = `/_matrix/client/v1/media/download/${serverName}/abc`;
      const response = await request('GET', url, { as: 'bob' });
      expect(response.status).toBe(404);
    },
  );

  test('our own name in other letters is still us: nothing is fetched from ourselves', async () => {
    const mediaId = await upload('here');
    const url = `/_matrix/client/v1/media/download/PARLEY.test/${mediaId}`;
    expect(await (await request('GET', url, { as: 'bob' })).text()).toBe('here');
  });
});

describe('headers (A6.4)', () => {
  test.each([
    ['image/png', 'image/png', 'inline'],
    ['IMAGE/PNG', 'IMAGE/PNG', 'inline'],
    ['text/plain; charset=utf-8', 'text/plain; charset=utf-8', 'inline'],
    ['video/mp4', 'video/mp4', 'inline'],
    ['text/html', 'text/html', 'attachment'],
    ['TEXT/HTML', 'TEXT/HTML', 'attachment'],
    ['image/svg+xml', 'image/svg+xml', 'attachment'],
    ['Image/SVG+XML; charset=utf-8', 'Image/SVG+XML; charset=utf-8', 'attachment'],
    ['application/xhtml+xml', 'application/xhtml+xml', 'attachment'],
    ['application/pdf', 'application/pdf', 'attachment'],
    [undefined, 'application/octet-stream', 'attachment'],
  ])('%s is served as %s, %s', async (uploaded, served, disposition) => {
    const mediaId = await upload(Buffer.from('<script>alert(1)</script>'), uploaded);
    const { headers } = await request('GET', `${DOWNLOAD}/${mediaId}`, { as: 'bob' });
    expect(headers.get('content-type')).toBe(served);
    expect(headers.get('content-disposition')).toBe(disposition);
  });

  test.each(['image/png, text/html', 'image/png text/html', 'nonsense'])('`%s` is no type', async (type) => {
    await expect(upload('x', type)).rejects.toThrow('Unsupported Media Type');
  });

  test('every reply is sandboxed, typed for good and open to other origins, errors of all kinds too', async () => {
    const mediaId = await upload('x', 'text/plain');
    const replies = [
      await request('GET', `${DOWNLOAD}/${mediaId}`, { as: 'bob' }),
      await request('GET', `${DOWNLOAD}/${mediaId}`, { as: 'bob', headers: { range: 'bytes=7-9' } }),
      await request('GET', `${DOWNLOAD}/unknown`, { as: 'bob' }),
      await request('GET', `${DOWNLOAD}/${mediaId}`),
      await request('GET', `${DOWNLOAD}/${mediaId}`, { as: 'nobody' }),
      await request('GET', `${DOWNLOAD}/${mediaId}?timeout_ms=x`, { as: 'bob' }),
      await request('GET', `/_matrix/client/v1/media/thumbnail/parley.test/${mediaId}`, { as: 'bob' }),
      await request('GET', `/_matrix/media/v3/download/parley.test/${mediaId}`),
      await request('POST', UPLOAD, { as: 'alice', body: randomBytes(1001) }),
      await request('POST', UPLOAD, { as: 'alice', body: 'x' }),
    ];
    expect(replies.map((reply) => reply.status)).toEqual([200, 416, 404, 401, 401, 400, 400, 404, 413, 200]);
    for (const { headers } of replies) {
      expect(headers.get('content-security-policy')).toMatch(/^sandbox; default-src 'none'; script-src 'none';/);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('cross-origin-resource-policy')).toBe('cross-origin');
    }
  });

  test('a name in the path replaces the one from the upload', async () => {
    const mediaId = await upload('x', 'text/plain', 'before.txt');
    const after = encodeURIComponent('Zażółć "jaźń"\r\n.txt');
    const { headers } = await request('GET', `${DOWNLOAD}/${mediaId}/${after}`, { as: 'bob' });
    expect(headers.get('content-disposition')).toBe(
      `inline; filename="Za____ \\"ja__\\".txt"; filename*=UTF-8''Za%C5%BC%C3%B3%C5%82%C4%87%20%22ja%C5%BA%C5%84%22.txt`,
    );
  });

  test('what a client has already is not sent again', async () => {
    const mediaId = await upload('cached');
    const first = await request('GET', `${DOWNLOAD}/${mediaId}`, { as: 'bob' });
    expect(first.headers.get('cache-control')).toMatch(/^private, max-age=\d+, immutable$/);
    const etag = first.headers.get('etag') ?? '';
    const again = await request('GET', `${DOWNLOAD}/${mediaId}`, { as: 'bob', headers: { 'if-none-match': etag } });
    expect([again.status, await again.text()]).toEqual([304, '']);
  });

  test.each([
    ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
    ['bytes=4-', 206, '456789', 'bytes 4-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=-30', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=8-100', 206, '89', 'bytes 8-9/10'],
    ['bytes=3-1', 200, '0123456789', null],
    ['bytes=0-1,4-5', 200, '0123456789', null],
    ['lines=0-1', 200, '0123456789', null],
  ])('range %s', async (range, status, text, contentRange) => {
    const mediaId = await upload('0123456789');
    const response = await request('GET', `${DOWNLOAD}/${mediaId}`, { as: 'bob', headers: { range } });
    expect(response.status).toBe(status);
    expect(await response.text()).toBe(text);
    expect(response.headers.get('content-range')).toBe(contentRange);
  });
});

describe('media ids handed out before the upload', () => {
  test('an id is announced, uploaded to once, and then read', async () => {
    const response = await request('POST', CREATE, { as: 'alice' });
    const { content_uri: uri, unused_expires_at: expiresAt } = (await response.json()) as Record<string, unknown>;
    expect(uri).toMatch(/^mxc:\/\/parley\.test\/[A-Za-z0-9_-]{24}$/);
    expect(Number(expiresAt)).toBeGreaterThan(Date.now() + 23 * 3600_000);
    const mediaId = String(uri).slice('mxc://parley.test/'.length);

    const empty = await request('GET', `${DOWNLOAD}/${mediaId}?timeout_ms=0`, { as: 'bob' });
    expect(await errorOf(empty)).toEqual([504, 'M_NOT_YET_UPLOADED']);
    const put = await request('PUT', `${UPLOAD}/parley.test/${mediaId}?filename=a.txt`, {
      as: 'alice',
      body: 'hello',
      headers: { 'content-type': 'text/plain' },
    });
    expect([put.status, await put.json()]).toEqual([200, {}]);
    const read = await request('GET', `${DOWNLOAD}/${mediaId}`, { as: 'bob' });
    expect([read.headers.get('content-disposition'), await read.text()]).toEqual(['inline; filename="a.txt"', 'hello']);
    const again = await request('PUT', `${UPLOAD}/parley.test/${mediaId}`, { as: 'alice', body: 'other' });
    expect(await errorOf(again)).toEqual([409, 'M_CANNOT_OVERWRITE_MEDIA']);
  });

  test('of two uploads to one id at the same time one wins and the other is told so', async () => {
    const mediaId = await create();
    const put = (body: string) => request('PUT', `${UPLOAD}/parley.test/${mediaId}`, { as: 'alice', body });
    const replies = await Promise.all(['one', 'two', 'three', 'four'].map(put));
    expect(replies.map((reply) => reply.status).sort()).toEqual([200, 409, 409, 409]);
    const winner = ['one', 'two', 'three', 'four'][replies.findIndex((reply) => reply.status === 200)];
    expect(await (await request('GET', `${DOWNLOAD}/${mediaId}`, { as: 'bob' })).text()).toBe(winner);
  });

  test('an id is for who was given it, on this server, and only if it was given', async () => {
    const mediaId = await create();
    const put = (target: string, as: string) => request('PUT', `${UPLOAD}/${target}`, { as, body: 'x' });
    expect(await errorOf(await put(`parley.test/${mediaId}`, 'bob'))).toEqual([403, 'M_FORBIDDEN']);
    expect(await errorOf(await put(`elsewhere.test/${mediaId}`, 'alice'))).toEqual([404, 'M_NOT_FOUND']);
    expect(await errorOf(await put('parley.test/neverGiven', 'alice'))).toEqual([404, 'M_NOT_FOUND']);
    expect(await errorOf(await put(`parley.test/${await upload('x')}`, 'alice'))).toEqual([
      409,
      'M_CANNOT_OVERWRITE_MEDIA',
    ]);
  });

  test('a download waits for the upload', async () => {
    const mediaId = await create();
    const waiting = request('GET', `${DOWNLOAD}/${mediaId}?timeout_ms=20000`, { as: 'bob' });
    await request('PUT', `${UPLOAD}/parley.test/${mediaId}`, { as: 'alice', body: 'at last' });
    expect(await (await waiting).text()).toBe('at last');
  });
});

describe('limits over time', () => {
  let now = 1_700_000_000_000;
  const clock = { now: () => now, monotonic: () => now };

  test('a user has only so many empty ids, and an expired one is neither counted nor usable', async () => {
    const { request } = await startMediaServer({ db, clock, limits: { maxEmptyMedia: 2, emptyMediaLifetimeMs: 5000 } });
    const created = await request('POST', CREATE, { as: 'carol' });
    const { content_uri: uri } = (await created.json()) as { content_uri: string };
    now += 2000;
    expect((await request('POST', CREATE, { as: 'carol' })).status).toBe(200);
    const refused = await request('POST', CREATE, { as: 'carol' });
    expect(await refused.json()).toMatchObject({ errcode: 'M_LIMIT_EXCEEDED', retry_after_ms: 3000 });
    expect(refused.headers.get('retry-after')).toBe('3');
    expect((await request('POST', CREATE, { as: 'dave' })).status).toBe(200);

    now += 3000;
    expect((await request('POST', CREATE, { as: 'carol' })).status).toBe(200);
    const late = `${UPLOAD}/${uri.slice('mxc://'.length)}`;
    expect(await errorOf(await request('PUT', late, { as: 'carol', body: 'x' }))).toEqual([404, 'M_NOT_FOUND']);
    const read = await request('GET', `/_matrix/client/v1/media/download/${uri.slice('mxc://'.length)}`, { as: 'bob' });
    expect(await errorOf(read)).toEqual([404, 'M_NOT_FOUND']);
  });

  test('bytes come out of a budget that refills with time (A6.2)', async () => {
    const budget = { bytesPerSecond: 100, burstBytes: 1000 };
    const big = { bytesPerSecond: 1e6, burstBytes: 1e9 };
    const { request } = await startMediaServer({ db, clock, limits: { budgets: { user: budget, address: big } } });
    const put = (as: string, size: number) => request('POST', UPLOAD, { as, body: randomBytes(size) });
    expect((await put('erin', 900)).status).toBe(200);
    expect(await (await put('erin', 200)).json()).toMatchObject({ errcode: 'M_LIMIT_EXCEEDED', retry_after_ms: 1000 });
    expect((await put('frank', 200)).status).toBe(200);
    now += 1000;
    expect((await put('erin', 200)).status).toBe(200);
    // Sent without a length, it is counted once it is here, and paid back before the next.
    const chunked = new Blob([randomBytes(700)]).stream();
    expect((await request('POST', UPLOAD, { as: 'erin', body: chunked })).status).toBe(200);
    expect(await (await put('erin', 100)).json()).toMatchObject({ retry_after_ms: 8000 });
    // A clock that is set back takes nothing away, and gives nothing.
    now -= 3_600_000;
    expect(await (await put('erin', 100)).json()).toMatchObject({ retry_after_ms: 8000 });
    now += 8000;
    expect((await put('erin', 100)).status).toBe(200);
  });
});

/** Files below a folder that this process has open. */
async function openFiles(folder: string): Promise<number> {
  const descriptors = await readdir('/proc/self/fd');
  const targets = await Promise.all(descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
  return targets.filter((target) => target.startsWith(folder)).length;
}

describe.skipIf(process.platform !== 'linux')('files', async () => {
  const large = await startMediaServer({ db });

  test('are let go of when a download breaks off', async () => {
    const mediaId = await large.upload(randomBytes(20_000_000));
    const readers = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const response = await large.request('GET', `${DOWNLOAD}/${mediaId}`, { as: 'bob' });
        const reader = response.body?.getReader();
        await reader?.read();
        return reader;
      }),
    );
    expect(await openFiles(large.folder)).toBe(10);
    for (const reader of readers) await reader?.cancel();
    await expect.poll(() => openFiles(large.folder)).toBe(0);
  });
});
