import { randomBytes } from 'node:crypto';
import { afterAll, describe, expect, test } from 'vitest';
import { openDatabase } from '../../server/src/storage/database.ts';
import { PIECE_BYTES } from '../../server/src/storage/media-pieces.ts';
import { testDatabase } from '../harness/test-database.ts';
import { startMediaServer, temporaryFolder } from './media-server.ts';

const DOWNLOAD = '/_matrix/client/v1/media/download/parley.test';

// Two servers with a pool of connections each share nothing but what processes share: the database and maybe a folder.
const db = await testDatabase();
const otherDb = openDatabase({ connection: db.url, poolSize: 5 });
afterAll(() => otherDb.close());

describe.each(['disk', 'database'] as const)('two processes with media in the %s store', async (store) => {
  const folder = store === 'disk' ? { folder: await temporaryFolder() } : {};
  const one = await startMediaServer({ db, store, ...folder });
  const two = await startMediaServer({ db: otherDb, store, ...folder });

  test.each([0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 5])(
    '%i bytes that were uploaded to one are read from the other, whole and in part',
    async (size) => {
      const bytes = randomBytes(size);
      const mediaId = await one.upload(bytes);
      const whole = await two.request('GET', `${DOWNLOAD}/${mediaId}`, { as: 'bob' });
      expect(bytes.equals(Buffer.from(await whole.arrayBuffer()))).toBe(true);
      if (size < 2) return;
      const [start, end] = [Math.floor(size / 3), size - 2];
      const headers = { range: `bytes=${start}-${end}` };
      const part = await two.request('GET', `${DOWNLOAD}/${mediaId}`, { as: 'bob', headers });
      expect(part.status).toBe(206);
      expect(bytes.subarray(start, end + 1).equals(Buffer.from(await part.arrayBuffer()))).toBe(true);
    },
  );

  test('an id from one is uploaded to through the other, and a download that waits at the first sees it', async () => {
    const created = await one.request('POST', '/_matrix/media/v1/create', { as: 'alice' });
    const { content_uri: uri } = (await created.json()) as { content_uri: string };
    const mediaId = uri.slice('mxc://parley.test/'.length);
    const waiting = one.request('GET', `${DOWNLOAD}/${mediaId}`, { as: 'bob' });
    await two.request('PUT', `/_matrix/media/v3/upload/parley.test/${mediaId}`, { as: 'alice', body: 'across' });
    expect(await (await waiting).text()).toBe('across');
  });

  test('the sweep of one leaves the media of the other alone', async () => {
    const mediaId = await one.upload('keep me');
    await two.media.sweep();
    expect(await (await one.request('GET', `${DOWNLOAD}/${mediaId}`, { as: 'bob' })).text()).toBe('keep me');
  });
});
