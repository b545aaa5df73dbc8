import { mkdir, stat } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';
import type { Clock } from './base/clock.ts';
import type { Logger } from './base/logger.ts';
import { type Config, isDevelopmentServerName } from './config.ts';
import { createHttpServer } from './http/http-server.ts';
import type { ClientRoute, FederationRoute } from './http/route.ts';
import { addWebClient } from './http/web-client.ts';
import { type Database, openDatabase } from './storage/database.ts';
import { startEmbeddedPostgres } from './storage/embedded-postgres.ts';
import { bindServerName, checkServer } from './storage/installation.ts';
import { migrate } from './storage/migrate.ts';

const WEB_CLIENT_FOLDER = fileURLToPath(new URL('../../client-web/dist/', import.meta.url));
const POOL_SIZE = 20;

export interface Homeserver {
  /** Listens on both ports and starts what runs in the background. */
  start(): Promise<void>;
  /** Answers what is under way, then closes everything in reverse order. */
  stop(): Promise<void>;
  /** The ports in use once started; the federation port is undefined without a certificate. */
  readonly ports: { readonly client: number; readonly federation: number | undefined };
  /** URL of the web client and of the client API. */
  publicBaseUrl(): string;
  /** Every endpoint that is served. */
  readonly routes: { readonly client: readonly ClientRoute[]; readonly federation: readonly FederationRoute[] };
}

/** What the parts share that is not configuration. */
export interface Surroundings {
  readonly logger: Logger;
  readonly clock: Clock;
}

interface Store {
  readonly database: Database;
  close(): Promise<void>;
}

/** Opens `database_url`, or the embedded Postgres in the data folder, and brings its schema up to date. */
async function openStore(config: Config, logger: Logger): Promise<Store> {
  const embedded =
    config.database_url === undefined
      ? await startEmbeddedPostgres({
          folder: path.join(config.data, 'postgres'),
          report: (message) => logger.warn(message),
        })
      : undefined;
  const database = openDatabase({ connection: config.database_url ?? embedded?.url ?? '', poolSize: POOL_SIZE });
  const close = async () => {
    await database.close();
    await embedded?.stop();
  };
  try {
    await checkServer(database);
    await migrate(database);
    await bindServerName(database, config.server_name);
  } catch (error) {
    await close();
    throw error;
  }
  return { database, close };
}

function portOf(app: FastifyInstance): number {
  return (app.server.address() as AddressInfo).port;
}

function publicBaseUrl(config: Config, port: number): string {
  if (config.public_baseurl !== undefined) return config.public_baseurl.replace(/\/$/, '');
  return isDevelopmentServerName(config.server_name) ? `http://localhost:${port}` : `https://${config.server_name}`;
}

/** Builds every part and joins them; nothing listens yet. */
export async function createHomeserver(config: Config, surroundings: Surroundings): Promise<Homeserver> {
  const { logger } = surroundings;
  // Postgres may run as another user, who must be able to pass through but not to look around.
  await mkdir(config.data, { recursive: true, mode: 0o711 });
  const store = await openStore(config, logger);
  const client = createHttpServer({ logger, trustProxy: config.trusted_proxies, cors: true });
  if ((await stat(WEB_CLIENT_FOLDER).catch(() => undefined)) !== undefined) addWebClient(client, WEB_CLIENT_FOLDER);

  const ports: { client: number; federation: number | undefined } = { client: 0, federation: undefined };
  return {
    ports,
    routes: { client: [], federation: [] },
    publicBaseUrl: () => publicBaseUrl(config, ports.client),
    async start() {
      await client.listen({ host: config.bind, port: config.port });
      ports.client = portOf(client);
    },
    async stop() {
      await client.close();
      await store.close();
    },
  };
}
