import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Clock, systemClock } from '../../server/src/base/clock.ts';
import { contentRepositoryRoutes } from '../../server/src/client-server-api/content-repository.ts';
import { createAuthenticate } from '../../server/src/http/access-token.ts';
import { addClientRoutes } from '../../server/src/http/client-routes.ts';
import { addFederationRoutes } from '../../server/src/http/federation-routes.ts';
import { createHttpServer } from '../../server/src/http/http-server.ts';
import { noRateLimits } from '../../server/src/http/rate-limits.ts';
import { openDatabaseContentStore } from '../../server/src/media/database-content-store.ts';
import { openDiskContentStore } from '../../server/src/media/disk-content-store.ts';
import { DEFAULT_LIMITS, type MediaLimits, type MediaParts } from '../../server/src/media/media-parts.ts';
import { createMediaRepository, type MediaRepository } from '../../server/src/media/media-repository.ts';
import type { RemoteMediaSource } from '../../server/src/media/remote-media.ts';
import { Thumbnailer } from '../../server/src/media/thumbnailer.ts';
import { MatrixError, unknownToken } from '../../server/src/protocol/errors.ts';
import { contentRepositoryRoutes as federationRoutes } from '../../server/src/server-server-api/content-repository.ts';
import type { Database } from '../../server/src/storage/database.ts';
import { atEnd } from '../harness/at-end.ts';

export interface MediaServerOptions {
  readonly db: Database;
  readonly serverName?: string;
  /** A folder that another server of the same test uses too. */
  readonly folder?: string;
  readonly store?: 'disk' | 'database';
  readonly limits?: Partial<MediaLimits>;
  readonly clock?: Clock;
  readonly remote?: RemoteMediaSource;
}

export interface MediaServer {
  readonly url: string;
  readonly folder: string;
  readonly media: MediaRepository;
  readonly parts: MediaParts;
  /** A request by a user, whose access token is their name; without one, by nobody. */
  request(method: string, path: string, options?: RequestOptions): Promise<Response>;
  /** Uploads as `alice` and answers the media id. */
  upload(bytes: Uint8Array<ArrayBuffer> | string, contentType?: string, fileName?: string): Promise<string>;
}

export interface RequestOptions {
  readonly as?: string | undefined;
  readonly body?: Uint8Array<ArrayBuffer> | string | ReadableStream;
  readonly headers?: Record<string, string>;
}

export const noRemote: RemoteMediaSource = {
  async mediaDownload() {
    throw new MatrixError('M_UNKNOWN', 'The other server cannot be reached.', 502);
  },
};

/** A folder that is removed when the test is done, or all of the file or `describe` where it is made outside tests. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'parley-media-'));
  atEnd(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The content repository behind both of its APIs on a real port, until the test, `describe` or file that starts it is done. */
export async function startMediaServer(options: MediaServerOptions): Promise<MediaServer> {
  const { db, serverName = 'parley.test' } = options;
  const folder = options.folder ?? (await temporaryFolder());
  const store =
    options.store === 'database' ? await openDatabaseContentStore(db, folder) : await openDiskContentStore(folder);
  const parts: MediaParts = {
    db,
    store,
    clock: options.clock ?? systemClock,
    random: randomBytes,
    serverName,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
  };
  const media = createMediaRepository({
    ...parts,
    remote: options.remote ?? noRemote,
    thumbnailer: new Thumbnailer({ concurrency: 2, maxWaiting: 20, timeoutMs: 20_000 }),
  });

  const app = createHttpServer({ logger: { info() {}, error: console.error }, trustProxy: [], cors: true });
  const authenticate = createAuthenticate(async (token) => {
    if (token === 'nobody') throw unknownToken('Unknown access token.');
    return { userId: `@${token}:${serverName}`, deviceId: 'D', tokenId: 1, isGuest: token === 'guest', isAdmin: false };
  });
  addClientRoutes(app, contentRepositoryRoutes(media), { authenticate, rateLimits: noRateLimits, onSessionEnd() {} });
  addFederationRoutes(app, federationRoutes(media), {
    authenticateServer: async () => 'peer.test',
    roomPolicy: { serverMayTakePart: async () => true, isSharedWith: async () => true },
    rateLimits: noRateLimits,
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  atEnd(() => app.close());
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;

  const request: MediaServer['request'] = (method, target, { as, body, headers = {} } = {}) =>
    fetch(`${url}${target}`, {
      method,
      headers: { ...headers, ...(as === undefined ? {} : { authorization: `Bearer ${as}` }) },
      ...(body === undefined ? {} : { body, duplex: 'half' }),
    });
  return {
    url,
    folder,
    media,
    parts,
    request,
    async upload(bytes, contentType, fileName) {
      const query = fileName === undefined ? '' : `?filename=${encodeURIComponent(fileName)}`;
      const response = await request('POST', `/_matrix/media/v3/upload${query}`, {
        as: 'alice',
        body: bytes,
        headers: contentType === undefined ? {} : { 'content-type': contentType },
      });
      const body = (await response.json()) as { content_uri?: string };
      if (body.content_uri === undefined) throw new Error(JSON.stringify(body));
      return body.content_uri.slice(`mxc://${serverName}/`.length);
    },
  };
}

/** Status and errcode of an error response. */
export async function errorOf(response: Response): Promise<[number, string]> {
  return [response.status, ((await response.json()) as { errcode: string }).errcode];
}
