import type { FastifyReply } from 'fastify';
import type { Static, TSchema } from 'typebox';
import type { RoomId, ServerName, UserId } from '../protocol/event.ts';

/** Who sent an authenticated client request. */
export interface Requester {
  readonly userId: UserId;
  readonly deviceId: string;
  /** Row id of the access token in use, which `logout` ends. */
  readonly tokenId: number;
  readonly isGuest: boolean;
  readonly isAdmin: boolean;
}

/** What a handler is given. Path parameters are decoded once; body and query have passed the route's schemas. */
export interface RouteRequest<Body = unknown, Query = Record<string, string | undefined>> {
  readonly params: Record<string, string>;
  readonly query: Query;
  readonly body: Body;
  readonly headers: Record<string, string | string[] | undefined>;
  /** Address of the client, after trusted proxies. */
  readonly ip: string;
  /** Aborted when the client goes away: long polls end then. */
  readonly signal: AbortSignal;
  /** Raw body stream of routes with `body: 'stream'`. */
  readonly stream: NodeJS.ReadableStream;
  /** For the few answers that are not JSON with status 200: media, redirects, 202, HTML. Return `reply` afterwards. */
  readonly reply: FastifyReply;
}

export type RateLimitClass = 'login' | 'registration' | 'message' | 'join' | 'invite' | 'media' | 'read' | 'federation';

/** Every field without a default must be written down: a route that leaves one out does not compile and does not boot. */
interface RouteBase {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** The spec's path, with `{param}` placeholders. */
  readonly path: string;
  readonly rateLimit: RateLimitClass | 'none';
  /** Largest request body in bytes; 1 MiB where left out. */
  readonly bodyLimitBytes?: number;
}

export interface ClientRoute<B extends TSchema = TSchema, Q extends TSchema = TSchema> extends RouteBase {
  readonly auth: 'access_token' | 'optional' | 'none';
  /** Whether guests may call it (Client-Server API, "Guest Access"). */
  readonly guests: boolean;
  readonly body?: B | 'stream';
  readonly query?: Q;
  handle(request: RouteRequest<Static<B>, Static<Q>> & { requester: Requester | undefined }): Promise<unknown>;
}

export interface FederationRoute<B extends TSchema = TSchema, Q extends TSchema = TSchema> extends RouteBase {
  readonly auth: 'x_matrix' | 'none';
  /** `room`: the origin is checked against the ACL of the room named by `{roomId}` before the handler runs. */
  readonly serverAcl: 'room' | 'none';
  /** `joined`: the origin must have a joined member in the room named by `{roomId}`. */
  readonly inRoom: 'joined' | 'none';
  readonly body?: B;
  readonly query?: Q;
  handle(request: RouteRequest<Static<B>, Static<Q>> & { origin: ServerName }): Promise<unknown>;
}

/** Asked before a federation handler runs; implemented by `rooms/`, so that `http/` needs to know no rooms. */
export interface RoomPolicy {
  serverMayTakePart(roomId: RoomId, server: ServerName): Promise<boolean>;
  serverIsJoined(roomId: RoomId, server: ServerName): Promise<boolean>;
}

/**
 * Keeps the handler typed by its own schemas while the list of routes stays of one type. A route with
 * `auth: 'access_token'` gets a requester that is never undefined.
 */
export function clientRoute<B extends TSchema, Q extends TSchema>(
  route: Omit<ClientRoute<B, Q>, 'handle' | 'auth'> & {
    auth: 'access_token';
    handle(request: RouteRequest<Static<B>, Static<Q>> & { requester: Requester }): Promise<unknown>;
  },
): ClientRoute;
export function clientRoute<B extends TSchema, Q extends TSchema>(
  route: Omit<ClientRoute<B, Q>, 'auth'> & { auth: 'optional' | 'none' },
): ClientRoute;
export function clientRoute(route: unknown): ClientRoute {
  return route as ClientRoute;
}

export function federationRoute<B extends TSchema, Q extends TSchema>(route: FederationRoute<B, Q>): FederationRoute {
  return route as unknown as FederationRoute;
}
