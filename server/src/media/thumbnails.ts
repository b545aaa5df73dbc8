import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { MatrixError, notFound } from '../protocol/errors.ts';
import {
  findThumbnail,
  insertThumbnail,
  type StoredMedium,
  type StoredThumbnail,
  type ThumbnailKey,
} from '../storage/media.ts';
import { SNIFF_BYTES, sniffImageType } from './image-type.ts';
import { type MediaParts, newMediaId, storeContent } from './media-parts.ts';
import { spool } from './spool.ts';
import { snapTarget, type ThumbnailTarget } from './thumbnail-plan.ts';
import type { Thumbnailer, ThumbnailResult } from './thumbnailer.ts';

export interface Thumbnails {
  /** The thumbnail that answers `wanted`, made now or earlier. Throws 400, 413 or 502 where none can be made. */
  thumbnail(medium: StoredMedium, wanted: ThumbnailTarget & { animated: boolean }): Promise<StoredThumbnail>;
}

type Refusal = Exclude<ThumbnailResult['kind'], 'made' | 'original'>;

/** How long, and for how many images, it is remembered that nothing can be made of them. */
const REFUSAL_MS = 600_000;
const MAX_REFUSALS = 1000;

function refusalError(medium: StoredMedium, refusal: Refusal, ownServer: string): MatrixError {
  if (refusal === 'unreadable')
    return new MatrixError('M_UNKNOWN', 'There is no thumbnail for content of this kind.', 400);
  const status = medium.serverName === ownServer ? 413 : 502;
  return new MatrixError('M_TOO_LARGE', 'The image has too many pixels for a thumbnail.', status);
}

export function createThumbnails(parts: MediaParts, thumbnailer: Thumbnailer): Thumbnails {
  const { db, store, clock } = parts;
  const running = new Map<string, Promise<StoredThumbnail | Refusal>>();
  const refusals = new Map<string, { refusal: Refusal; until: number }>();

  async function openContent(medium: StoredMedium, range?: { start: number; end: number }): Promise<Readable> {
    const stream = await store.open(medium.sha256, range);
    if (stream === undefined) throw notFound('The bytes of this medium are missing.');
    return stream;
  }

  async function make(medium: StoredMedium, key: ThumbnailKey): Promise<StoredThumbnail | Refusal> {
    if (medium.sizeBytes < SNIFF_BYTES) return 'unreadable';
    const head = await buffer(await openContent(medium, { start: 0, end: SNIFF_BYTES - 1 }));
    if (sniffImageType(head) === undefined) return 'unreadable';
    const { source: _, ...request } = key;
    const result = await thumbnailer.make(() => openContent(medium), request);
    if (result.kind === 'original') {
      const original = { sha256: medium.sha256, contentType: result.contentType };
      await db.transaction((tx) => insertThumbnail(tx, key, original));
      return { ...original, sizeBytes: medium.sizeBytes };
    }
    if (result.kind !== 'made') return result.kind;
    const spooled = await spool(store.incomingFolder, newMediaId(parts), Readable.from([result.bytes]), {
      maxBytes: result.bytes.length,
      idleTimeoutMs: parts.limits.idleTimeoutMs,
    });
    const made = { sha256: spooled.sha256, contentType: result.contentType };
    await storeContent(parts, spooled, (tx) => insertThumbnail(tx, key, made));
    return { ...made, sizeBytes: spooled.sizeBytes };
  }

  function remember(contentKey: string, refusal: Refusal): void {
    refusals.set(contentKey, { refusal, until: clock.monotonic() + REFUSAL_MS });
    const [oldest] = refusals.keys();
    if (refusals.size > MAX_REFUSALS && oldest !== undefined) refusals.delete(oldest);
  }

  return {
    async thumbnail(medium, wanted) {
      const target = snapTarget(wanted);
      const key: ThumbnailKey = { source: medium.sha256, ...target, animated: wanted.animated };
      const known = await findThumbnail(db, key);
      if (known !== undefined) return known;

      const contentKey = medium.sha256.toString('hex');
      const refused = refusals.get(contentKey);
      if (refused !== undefined && refused.until > clock.monotonic())
        throw refusalError(medium, refused.refusal, parts.serverName);

      const flight = `${contentKey} ${target.method} ${target.width} ${target.height} ${wanted.animated}`;
      let work = running.get(flight);
      if (work === undefined) {
        work = make(medium, key).finally(() => running.delete(flight));
        running.set(flight, work);
      }
      const result = await work;
      if (typeof result === 'object') return result;
      remember(contentKey, result);
      throw refusalError(medium, result, parts.serverName);
    },
  };
}
