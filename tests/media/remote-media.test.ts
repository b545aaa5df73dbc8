import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { beforeEach, describe, expect, test } from 'vitest';
import type { RemoteMediaSource } from '../../server/src/media/remote-media.ts';
import { MatrixError, notFound } from '../../server/src/protocol/errors.ts';
import { testDatabase } from '../harness/test-database.ts';
import { errorOf, startMediaServer } from './media-server.ts';

type Answer = Awaited<ReturnType<RemoteMediaSource['mediaDownload']>>;

const asked: string[] = [];
let answer: (mediaId: string) => Answer | Promise<Answer>;
const remote: RemoteMediaSource = {
  async mediaDownload(destination, { mediaId }) {
    asked.push(`${destination}/${mediaId}`);
    return await answer(mediaId);
  },
};

function file(body: Readable, headers: Partial<Omit<Answer, 'body'>> = {}): Answer {
  return { body, contentType: undefined, contentDisposition: undefined, contentLength: undefined, ...headers };
}

const db = await testDatabase();
const server = await startMediaServer({ db, remote, limits: { maxUploadBytes: 1000, idleTimeoutMs: 200 } });
const download = (mediaId: string) =>
  server.request('GET', `/_matrix/client/v1/media/download/peer.test/${mediaId}`, { as: 'bob' });

beforeEach(() => {
  asked.length = 0;
});

describe('media of other servers', () => {
  test('are fetched once and kept, with the name and type that their server gave them', async () => {
    const bytes = randomBytes(1000);
    answer = () =>
      file(Readable.from([bytes]), {
        contentType: 'image/png',
        contentDisposition: `inline; filename="fallback"; filename*=UTF-8''k%C3%A4se.png`,
      });
    for (const _ of [1, 2]) {
      const response = await download('kept');
      expect(bytes.equals(Buffer.from(await response.arrayBuffer()))).toBe(true);
      expect(response.headers.get('content-type')).toBe('image/png');
      expect(response.headers.get('content-disposition')).toBe(
        `inline; filename="k_se.png"; filename*=UTF-8''k%C3%A4se.png`,
      );
    }
    expect(asked).toEqual(['peer.test/kept']);
  });

  test('are fetched once for all who ask at the same time', async () => {
    answer = () => file(Readable.from([Buffer.from('shared')]));
    const replies = await Promise.all(Array.from({ length: 10 }, () => download('shared')));
    expect(await Promise.all(replies.map((reply) => reply.text()))).toEqual(Array(10).fill('shared'));
    expect(asked).toEqual(['peer.test/shared']);
  });

  test('are not stored beyond the limit, to the byte', async () => {
    answer = () => file(Readable.from([randomBytes(1000), randomBytes(1)]));
    expect(await errorOf(await download('long'))).toEqual([502, 'M_TOO_LARGE']);
    answer = () => file(Readable.from([]), { contentLength: 1001 });
    expect(await errorOf(await download('announced'))).toEqual([502, 'M_TOO_LARGE']);
  });

  test('that break off or never go on are no media', async () => {
    answer = () =>
      file(
        Readable.from(
          (function* () {
            yield Buffer.from('half');
            throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
          })(),
        ),
      );
    expect(await errorOf(await download('broken'))).toEqual([502, 'M_UNKNOWN']);
    answer = () => file(new Readable({ read() {} }));
    expect(await errorOf(await download('silent'))).toEqual([502, 'M_UNKNOWN']);
    expect(await readdir(server.parts.store.incomingFolder)).toEqual([]);
    answer = () => file(Readable.from([Buffer.from('whole')]));
    expect(await (await download('broken')).text()).toBe('whole');
  });

  test('that their server does not have are asked for again the next time', async () => {
    answer = () => Promise.reject(notFound('gone'));
    expect(await errorOf(await download('missing'))).toEqual([404, 'M_NOT_FOUND']);
    answer = () => Promise.reject(new MatrixError('M_NOT_YET_UPLOADED', 'not yet', 504));
    expect(await errorOf(await download('missing'))).toEqual([504, 'M_NOT_YET_UPLOADED']);
    expect(asked).toEqual(['peer.test/missing', 'peer.test/missing']);
  });

  test('come out of the budget of who asks for them (A6.2)', async () => {
    const budget = { bytesPerSecond: 1, burstBytes: 500 };
    const address = { bytesPerSecond: 1e6, burstBytes: 1e9 };
    const { request } = await startMediaServer({ db, remote, limits: { budgets: { user: budget, address } } });
    answer = () => file(Readable.from([randomBytes(600)]));
    const get = (mediaId: string) =>
      request('GET', `/_matrix/client/v1/media/download/peer.test/${mediaId}`, { as: 'carol' });
    expect((await get('first')).status).toBe(200);
    expect(await errorOf(await get('second'))).toEqual([429, 'M_LIMIT_EXCEEDED']);
    expect((await get('first')).status).toBe(200);
  });

  test('are never served to other servers: requests cannot go round in circles', async () => {
    answer = () => file(Readable.from([Buffer.from('theirs')]));
    await download('theirs');
    const response = await server.request('GET', '/_matrix/federation/v1/media/download/theirs');
    expect(await errorOf(response)).toEqual([404, 'M_NOT_FOUND']);
    const absent = await server.request('GET', '/_matrix/federation/v1/media/download/absent');
    expect(await errorOf(absent)).toEqual([404, 'M_NOT_FOUND']);
    expect(asked).toEqual(['peer.test/theirs']);
  });
});
