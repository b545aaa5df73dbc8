import { createHash, randomBytes } from 'node:crypto';
import { readdir, realpath, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { newMediaId } from '../../server/src/media/media-parts.ts';
import { type Spooled, spool } from '../../server/src/media/spool.ts';
import { openDatabase } from '../../server/src/storage/database.ts';
import { findMedium, insertContent, lockContent } from '../../server/src/storage/media.ts';
import { testDatabase } from '../harness/test-database.ts';
import { watchSyncs } from '../harness/watch-syncs.ts';
import { errorOf, startMediaServer } from './media-server.ts';

const db = await testDatabase({ poolSize: 10 });
const { parts, media, request, upload } = await startMediaServer({ db });
const { store } = parts;
const DOWNLOAD = '/_matrix/client/v1/media/download/parley.test';

/** The first step of an upload: the bytes are on disk, under a name that nobody knows. */
function firstStep(bytes: Uint8Array): Promise<Spooled> {
  return spool(store.incomingFolder, newMediaId(parts), Readable.from([bytes]), {
    maxBytes: 1000,
    idleTimeoutMs: 1000,
  });
}

/** Ends the process's work at the end of a transaction that never commits. */
class Crash extends Error {}

async function content(mediaId: string): Promise<string> {
  return await (await request('GET', `${DOWNLOAD}/${mediaId}`, { as: 'bob' })).text();
}

describe.runIf(process.platform === 'linux')('before an upload is acknowledged', () => {
  test('its file is synced, then the folder in which it has its name', async () => {
    const { synced, stop } = await watchSyncs();
    const bytes = randomBytes(10);
    await upload(bytes);
    const before = [...synced];
    stop();
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const root = path.dirname(await realpath(store.incomingFolder));
    expect(before).toEqual([
      expect.stringMatching(/\/incoming\/[\w-]{24}\.part$/),
      path.join(root, 'content', sha256.slice(0, 2)),
    ]);
  });
});

describe('a crash between the steps of an upload', () => {
  test('after the bytes have arrived: nothing is visible, and the file goes once it is old', async () => {
    const { path: file, sha256 } = await firstStep(randomBytes(10));
    expect(await store.open(sha256)).toBeUndefined();
    await media.sweep();
    expect(await readdir(store.incomingFolder)).toEqual([path.basename(file)]);
    const longAgo = Date.now() / 1000 - 3601;
    await utimes(file, longAgo, longAgo);
    await media.sweep();
    expect(await readdir(store.incomingFolder)).toEqual([]);
  });

  test('after the bytes are in place, before the commit: nothing is visible, and the bytes go', async () => {
    const spooled = await firstStep(randomBytes(10));
    const crashing = db.transaction(async (tx) => {
      await lockContent(tx, spooled.sha256, 'shared');
      await store.publish(tx, spooled);
      await insertContent(tx, spooled);
      throw new Crash();
    });
    await expect(crashing).rejects.toThrow(Crash);
    expect((await store.open(spooled.sha256))?.destroy()).toBeDefined();
    await media.sweep();
    expect(await store.open(spooled.sha256)).toBeUndefined();
  });

  test('a second upload of bytes that a crash left behind makes them a medium that no sweep touches', async () => {
    const bytes = randomBytes(10);
    const spooled = await firstStep(bytes);
    await expect(
      db.transaction(async (tx) => {
        await store.publish(tx, spooled);
        throw new Crash();
      }),
    ).rejects.toThrow(Crash);
    const mediaId = await upload(bytes);
    await media.sweep();
    const found = await findMedium(db, 'parley.test', mediaId);
    expect(found?.state).toBe('stored');
    expect((await request('GET', `${DOWNLOAD}/${mediaId}`, { as: 'bob' })).status).toBe(200);
  });

  test('the sweep leaves files alone that are not its own', async () => {
    const stranger = path.join(store.incomingFolder, 'README.txt');
    await writeFile(stranger, 'hello');
    await utimes(stranger, 1, 1);
    await media.sweep();
    expect(await readdir(store.incomingFolder)).toEqual(['README.txt']);
  });
});

describe('sweeping while uploads go on', () => {
  test('loses nothing, also where one upload fails and another one brings the same bytes', async () => {
    const texts = Array.from({ length: 40 }, (_, n) => `text ${n % 10}`);
    let isDone = false;
    const sweeping = (async () => {
      while (!isDone) await media.sweep();
    })();
    const failing = texts.map(async (text) => {
      const spooled = await firstStep(Buffer.from(text));
      await db
        .transaction(async (tx) => {
          await lockContent(tx, spooled.sha256, 'shared');
          await store.publish(tx, spooled);
          throw new Crash();
        })
        .catch(() => {});
    });
    const ids = await Promise.all(texts.map((text) => upload(text)));
    await Promise.all(failing);
    isDone = true;
    await sweeping;
    expect(await Promise.all(ids.map(content))).toEqual(texts);
  });
});

describe('when the database cannot be reached', () => {
  test('an upload is refused with 503 and leaves nothing', async () => {
    const away = openDatabase({ connection: 'postgresql://127.0.0.1:1/none', poolSize: 1 });
    const server = await startMediaServer({ db: away });
    const response = await server.request('POST', '/_matrix/media/v3/upload', { as: 'alice', body: 'x' });
    expect(await errorOf(response)).toEqual([503, 'M_UNKNOWN']);
    expect(await readdir(server.parts.store.incomingFolder)).toEqual([]);
    await away.close();
  });
});
