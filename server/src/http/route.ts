import type { FastifyReply } from 'fastify';
import type { Static, TSchema } from 'typebox';
import type { RoomId, ServerName } from '../protocol/event.ts';
import type { Requester } from '../users/requester.ts';

export type { Requester };

/** What a handler is given. Path parameters are decoded once; body and query have passed the route's schemas. */
export interface RouteRequest<Body = unknown, Query = unknown> {
  readonly params: Readonly<Record<string, string>>;
  /**
   * The query as the route's schema types it: `Type.Integer()` and `Type.Boolean()` are read from their text, `Type.Array()`
   * collects a repeated key, anything else is the first value. Keys that the schema does not name are left out.
   */
  readonly query: Query;
  /** The parsed body. Its objects have no prototype. */
  readonly body: Body;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Address of the client, after trusted proxies. */
  readonly ip: string;
  /** Aborted when the client goes away, the route's time is up or, for a long poll, the server stops or the session ends. */
  readonly signal: AbortSignal;
  /** Raw body of routes with `body: 'stream'`; it fails with 413 `M_TOO_LARGE` past `bodyLimitBytes`. */
  readonly stream: NodeJS.ReadableStream;
  /** For the few answers that are not JSON with status 200: media, redirects, 202, HTML. Return `reply` afterwards. */
  readonly reply: FastifyReply;
}

/**
 * Buckets of `http/rate-limits.ts`: one per class and user, or per class and address where nobody is signed in. `read` is for
 * all that has no class of its own. `login` counts failed sign-ins and `registration` finished sign-ups: their handlers take
 * from those, their routes are `read`.
 */
export type RateLimitClass = 'login' | 'registration' | 'message' | 'join' | 'invite' | 'media' | 'read' | 'federation';

/** Every field without a default must be written down: a route that leaves one out does not compile and does not boot. */
interface RouteBase {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** The spec's path, with `{param}` placeholders. */
  readonly path: string;
  readonly rateLimit: RateLimitClass | 'none';
  /** Path parameters that may be empty, such as `stateKey`; an empty one otherwise makes the path unknown. */
  readonly emptyParams?: readonly string[];
  /** Largest request body in bytes; 1 MiB where left out. */
  readonly bodyLimitBytes?: number;
  /** An empty body counts as `{}`. The spec asks clients for a body everywhere but in the few places that set this. */
  readonly bodyOptional?: boolean;
  /** Longest time to the start of the answer, in milliseconds; 60 s where left out. */
  readonly timeoutMs?: number;
  /**
   * Waits for something to happen. `signal` is also aborted when the server stops or the session ends, and the access token is
   * looked up again before the answer, so that nothing is told to a session that has ended meanwhile.
   */
  readonly longPoll?: boolean;
  /** Headers of every reply, errors included. */
  readonly replyHeaders?: Readonly<Record<string, string>>;
}

export interface ClientRoute<B extends TSchema = TSchema, Q extends TSchema = TSchema> extends RouteBase {
  readonly auth: 'access_token' | 'optional' | 'none';
  /** Whether guests may call it (Client-Server API, "Guest Access"). */
  readonly guests: boolean;
  /** Whether it stays open to a locked account: only logging out does (Client-Server API, "Account locking"). */
  readonly whenLocked?: boolean;
  /**
   * Who sent the request may be answered from memory: the handler succeeds only with a write that fails once the token has
   * ended. When it fails, the token is looked up after all, so that an ended session learns nothing else.
   */
  readonly writesWithToken?: boolean;
  /** Schema of the JSON body. Schemas are open (more keys are fine) and bound every string by `maxLength`. */
  readonly body?: B | 'stream';
  /** The body becomes event content: what canonical JSON forbids is refused with `M_BAD_JSON`. */
  readonly bodyIsContent?: boolean;
  readonly query?: Q;
  handle(request: RouteRequest<Static<B>, Static<Q>> & { requester: Requester | undefined }): Promise<unknown>;
}

export interface FederationRoute<B extends TSchema = TSchema, Q extends TSchema = TSchema> extends RouteBase {
  readonly auth: 'x_matrix' | 'none';
  /** `room`: the origin is checked against the ACL of the room named by `{roomId}` before the handler runs. */
  readonly serverAcl: 'room' | 'none';
  /** `joined`: the origin and this server must both have a joined member in the room named by `{roomId}`. */
  readonly inRoom: 'joined' | 'none';
  /** Answers that one server may be taking at a time, where they are long; its further requests wait for their turn. */
  readonly atOnce?: number;
  /** Schema of the JSON body, which may hold a `NonCanonicalToken` wherever the schema allows anything. */
  readonly body?: B;
  readonly query?: Q;
  handle(request: RouteRequest<Static<B>, Static<Q>> & { origin: ServerName }): Promise<unknown>;
}

/** Asked before a federation handler runs; implemented by `rooms/`, so that `http/` needs to know no rooms. */
export interface RoomPolicy {
  serverMayTakePart(roomId: RoomId, server: ServerName): Promise<boolean>;
  /** Whether that server and this one are both in the room. */
  isSharedWith(roomId: RoomId, server: ServerName): Promise<boolean>;
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
