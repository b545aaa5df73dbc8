import { stat } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';
import type { Clock } from './base/clock.ts';
import type { Logger } from './base/logger.ts';
import { systemNameLookup } from './base/name-lookup.ts';
import { OperatorError } from './base/operator-error.ts';
import { createOutboundHttp, type OutboundHttp } from './base/outbound-http.ts';
import { type Repeated, repeat } from './base/repeat.ts';
import { type Config, isDevelopmentServerName } from './config.ts';
import { FederationSender } from './delivery/federation-sender.ts';
import { type Federation, openFederation } from './federation/federation.ts';
import { type FederationTls, federationTls } from './federation/federation-tls.ts';
import type { CommonParts } from './homeserver/common-parts.ts';
import { prepareDataFolder } from './homeserver/data-folder.ts';
import { openMedia } from './homeserver/open-media.ts';
import { openRateLimits } from './homeserver/open-rate-limits.ts';
import { openRooms } from './homeserver/open-rooms.ts';
import { openStore, type Store } from './homeserver/open-store.ts';
import { openUsers } from './homeserver/open-users.ts';
import { withoutOutages } from './homeserver/report-outage.ts';
import { clientRoutes, federationRoutes, type RouteParts } from './homeserver/routes.ts';
import { createAuthenticate } from './http/access-token.ts';
import { addClientRoutes } from './http/client-routes.ts';
import { addFederationRoutes } from './http/federation-routes.ts';
import { createHttpServer, type HttpLogger } from './http/http-server.ts';
import type { ClientRoute, FederationRoute } from './http/route.ts';
import { addWebClient } from './http/web-client.ts';
import { leaveRoomsOfClosedAccounts } from './rooms/leave.ts';
import { updateMemberProfile, updateUnshownProfiles } from './rooms/membership.ts';
import { isSharedWith, serverMayTakePart } from './rooms/room-policy.ts';
import { type WaitingWatch, watchWaiting } from './rooms/watch-waiting.ts';
import { ENDED_SESSIONS_CHANNEL } from './storage/access-tokens.ts';
import { pruneTransactions } from './storage/client-transactions.ts';
import { createSetupToken } from './users/setup.ts';

const WEB_CLIENT_FOLDER = fileURLToPath(new URL('../../client-web/dist/', import.meta.url));

const HOUSEKEEPING_EVERY_MS = 3600 * 1000;

export interface Homeserver {
  /**
   * Listens on both ports and starts what runs in the background. Once requests can come in, nothing of it fails any more.
   *
   * @returns the link with which the first administrator sets the server up; undefined when there is one
   */
  start(): Promise<{ readonly setupLink: string | undefined }>;
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

interface Parts extends RouteParts {
  readonly store: Store;
  readonly http: OutboundHttp;
  readonly tls: FederationTls;
  readonly sender: FederationSender;
  readonly housekeeping: Repeated;
  readonly waitingWatch: WaitingWatch;
}

function portOf(app: FastifyInstance): number {
  return (app.server.address() as AddressInfo).port;
}

/** @throws OperatorError where somebody else listens there */
async function listen(app: FastifyInstance, host: string, port: number, option: string): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new OperatorError(`Port ${port} is taken by another program. Choose another one with ${option}.`);
  }
}

/** As configured; else this machine for development names, and the server's own host behind HTTPS for others. */
function publicBaseUrl(config: Config, port: number): string {
  if (config.public_baseurl !== undefined) return config.public_baseurl.replace(/\/$/, '');
  if (isDevelopmentServerName(config.server_name)) return `http://localhost:${port}`;
  return `https://${config.server_name.replace(/:\d+$/, '')}`;
}

/** Builds every part and joins them; nothing listens yet. */
export async function createHomeserver(config: Config, surroundings: Surroundings): Promise<Homeserver> {
  const { clock } = surroundings;
  const logger = withoutOutages(surroundings.logger);
  await prepareDataFolder(config.data);
  const store = await openStore(config, logger, clock);
  const parts = await openParts(config, store, { logger, clock }).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  const routes = { client: clientRoutes(parts), federation: federationRoutes(parts) };
  const client = await clientListener(parts, routes, logger);
  const federation = federationListener(parts, routes.federation, logger);
  const ports: { client: number; federation: number | undefined } = { client: 0, federation: undefined };
  const baseUrl = () => publicBaseUrl(config, ports.client);
  return {
    ports,
    routes,
    publicBaseUrl: baseUrl,
    async start() {
      const token = await createSetupToken(store.db, clock);
      await listen(client, config.bind, config.port, '--port');
      ports.client = portOf(client);
      if (federation !== undefined) {
        await listen(federation, config.bind, config.federation_port, '--federation-port');
        ports.federation = portOf(federation);
      }
      await parts.sender.start();
      void leaveRoomsOfClosedAccounts(parts.rooms.parts).catch(parts.common.onError);
      void updateUnshownProfiles(parts.rooms.parts).catch(parts.common.onError);
      return {
        setupLink: token === undefined ? undefined : `${baseUrl()}/#/setup?token=${encodeURIComponent(token)}`,
      };
    },
    async stop() {
      await Promise.all([client.close(), federation?.close()]);
      await parts.media.stop();
      await parts.housekeeping.stop();
      await parts.waitingWatch.stop();
      await parts.sender.stop();
      await parts.rooms.stop();
      await parts.users.stop();
      parts.federation.stop();
      await parts.common.rateLimits.stop();
      await parts.http.close();
      await store.close();
    },
  };
}

async function openParts(config: Config, store: Store, { logger, clock }: Surroundings): Promise<Parts> {
  const { db } = store;
  const onError = (error: unknown) => logger.error({ err: error }, 'Background work failed');
  const common: CommonParts = { config, db, clock, onError, rateLimits: openRateLimits(config, db, clock, onError) };
  const tls = await federationTls({
    serverName: config.server_name,
    tlsKeyFile: config.federation.tls_key,
    tlsCertFile: config.federation.tls_cert,
    caFile: config.federation.ca_file,
    allowPrivateAddresses: config.federation.allow_private_addresses,
    developmentCaFolder: config.federation.development_ca,
    clock,
  });
  const names = systemNameLookup();
  const http = createOutboundHttp({ ...tls.outbound, names, userAgent: 'Parley' });
  const federation: Federation = await openFederation({
    db,
    serverName: config.server_name,
    signingKeyFile: path.join(config.data, 'signing.key'),
    http,
    names,
    notaries: config.federation.notaries,
    clock,
    random: Math.random,
    onError,
  });
  const rooms = await openRooms(common, federation);
  const users = openUsers(common, federation.client, (userId) => {
    updateMemberProfile(rooms.parts, userId).catch(onError);
  });
  const media = await openMedia(common, federation.client);
  const wellKnown = {
    clientBaseUrl: publicBaseUrl(config, config.port),
    federationAddress: config.federation.public_address,
    contacts: [],
    supportPage: undefined,
  };
  const sender = new FederationSender({
    db,
    serverName: config.server_name,
    follower: rooms.parts.follower,
    typing: rooms.typing,
    presence: rooms.presence,
    client: federation.client,
    backoff: federation.backoff,
    clock,
    random: Math.random,
    logger,
  });
  const housekeeping = repeat(() => pruneTransactions(db), HOUSEKEEPING_EVERY_MS, onError);
  const waitingWatch = watchWaiting(rooms.parts, rooms.receiving, federation.backoff);
  return { common, store, http, tls, federation, rooms, users, media, sender, wellKnown, housekeeping, waitingWatch };
}

/** Every request is logged, but at a level that is off unless it is asked for. */
function listenerLogger(logger: Logger): HttpLogger {
  return {
    info: (fields, message) => logger.debug(fields, message),
    error: (fields, message) => logger.error(fields, message),
  };
}

async function clientListener(parts: Parts, routes: Homeserver['routes'], logger: Logger): Promise<FastifyInstance> {
  const { common, users, rooms, tls } = parts;
  const app = createHttpServer({
    logger: listenerLogger(logger),
    trustProxy: common.config.trusted_proxies,
    cors: true,
  });
  addClientRoutes(app, routes.client, {
    authenticate: createAuthenticate(users.sessions.lookUp),
    rateLimits: common.rateLimits,
    onSessionEnd: (listener) =>
      rooms.parts.follower.onMessage(ENDED_SESSIONS_CHANNEL, (tokenId) => listener(Number(tokenId))),
  });
  // Without a certificate there is no federation listener: a reverse proxy that has one brings its requests here.
  if (tls.listener === undefined) serveFederation(app, parts, routes.federation);
  if ((await stat(WEB_CLIENT_FOLDER).catch(() => undefined)) !== undefined) addWebClient(app, WEB_CLIENT_FOLDER);
  return app;
}

function federationListener(
  parts: Parts,
  routes: readonly FederationRoute[],
  logger: Logger,
): FastifyInstance | undefined {
  const { tls, common } = parts;
  if (tls.listener === undefined) return undefined;
  const app = createHttpServer({
    logger: listenerLogger(logger),
    trustProxy: common.config.trusted_proxies,
    cors: false,
    tls: tls.listener,
  });
  serveFederation(app, parts, routes);
  return app;
}

function serveFederation(app: FastifyInstance, parts: Parts, routes: readonly FederationRoute[]): void {
  const { common, federation, rooms } = parts;
  addFederationRoutes(app, routes, {
    authenticateServer: federation.authenticateServer,
    roomPolicy: {
      serverMayTakePart: (roomId, server) => serverMayTakePart(rooms.parts, roomId, server),
      isSharedWith: (roomId, server) => isSharedWith(rooms.parts, roomId, server),
    },
    rateLimits: common.rateLimits,
  });
}
