import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { repeat } from '../base/repeat.ts';
import type { FederationClient } from '../federation/federation-client.ts';
import { openDatabaseContentStore } from '../media/database-content-store.ts';
import { openDiskContentStore } from '../media/disk-content-store.ts';
import { DEFAULT_LIMITS } from '../media/media-parts.ts';
import { createMediaRepository, type MediaRepository } from '../media/media-repository.ts';
import { Thumbnailer } from '../media/thumbnailer.ts';
import type { CommonParts } from './common-parts.ts';

const SWEEP_EVERY_MS = 24 * 3600 * 1000;

export interface Media {
  readonly repository: MediaRepository;
  stop(): Promise<void>;
}

export async function openMedia(common: CommonParts, federation: FederationClient): Promise<Media> {
  const { config, db, clock, onError } = common;
  const folder = path.join(config.data, 'media');
  const repository = createMediaRepository({
    db,
    store:
      config.media.store === 'disk'
        ? await openDiskContentStore(folder)
        : await openDatabaseContentStore(db, path.join(folder, 'incoming')),
    clock,
    random: (bytes) => randomBytes(bytes),
    serverName: config.server_name,
    limits: {
      ...DEFAULT_LIMITS,
      maxUploadBytes: config.media.max_upload_bytes,
      budgets: config.rate_limits.mode === 'off' ? undefined : DEFAULT_LIMITS.budgets,
    },
    remote: federation,
    thumbnailer: new Thumbnailer({ concurrency: 2, maxWaiting: 100, timeoutMs: 20_000 }),
  });
  const sweep = repeat(() => repository.sweep(), SWEEP_EVERY_MS, onError);
  return { repository, stop: () => sweep.stop() };
}
