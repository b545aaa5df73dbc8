import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Limiter } from '../base/limiter.ts';
import { forbidden, invalidParam } from '../protocol/errors.ts';
import type { RoomId, ServerName } from '../protocol/event.ts';
import { isJsonObject } from '../protocol/json.ts';
import { parsePeerJson } from '../protocol/json-parser.ts';
import { requireJsonContentType } from './json-body.ts';
import { addressBucket, type RateLimits } from './rate-limits.ts';
import type { FederationRoute, RoomPolicy } from './route.ts';
import { checkParams, compileRoute, requireFields, routerPattern, runWithDeadline } from './run-route.ts';

/** What the X-Matrix signature covers (Server-Server API, "Request Authentication"). */
export interface SignedRequest {
  readonly method: string;
  /** Path and query exactly as sent. */
  readonly uri: string;
  readonly authorization: string | undefined;
  /** Bytes of the body as they came: signatures cover values that parsing does not keep. */
  readonly rawBody: Uint8Array | undefined;
  /** The parsed body, undefined where the route has none. */
  readonly body: unknown;
}

/** Verifies the signature and answers the server that made it; throws 401 `M_UNAUTHORIZED`. Implemented in `federation/x-matrix.ts`. */
export type AuthenticateServer = (request: SignedRequest) => Promise<ServerName>;

export interface FederationRouteServices {
  readonly authenticateServer: AuthenticateServer;
  readonly roomPolicy: RoomPolicy;
  readonly rateLimits: RateLimits;
}

/**
 * Registers federation routes. The body is parsed before the signature can be checked; then come the rate limit of the
 * origin, the agreement of path and body, the room's server ACL and the origin's membership, and only then the handler.
 */
export function addFederationRoutes(
  app: FastifyInstance,
  routes: readonly FederationRoute[],
  services: FederationRouteServices,
): void {
  for (const route of routes) addRoute(app, route, services);
}

function addRoute(app: FastifyInstance, route: FederationRoute, services: FederationRouteServices): void {
  requireFields(route, ['auth', 'serverAcl', 'inRoom', 'rateLimit', 'handle']);
  if ((route.serverAcl === 'room' || route.inRoom === 'joined') && !route.path.includes('{roomId}'))
    throw new Error(`${route.method} ${route.path} has a room policy but no {roomId}`);
  const read = compileRoute(route, parsePeerJson);
  const turns = new Map<ServerName, Limiter>();

  app.route({
    method: route.method,
    url: routerPattern(route.path),
    ...(route.bodyLimitBytes === undefined ? {} : { bodyLimit: route.bodyLimitBytes }),
    onRequest: async (request, reply) => {
      reply.headers(route.replyHeaders ?? {});
      checkParams(route, request.params as Record<string, string>);
      if (route.body !== undefined) requireJsonContentType(request.headers['content-type']);
      if (route.auth === 'none' && route.rateLimit !== 'none')
        await services.rateLimits.take(route.rateLimit, addressBucket(request.ip));
    },
    handler: async (request, reply) =>
      await runWithDeadline(reply, { timeoutMs: route.timeoutMs }, async (signal) => {
        const call = read(request, reply, signal);
        const origin = await admit(route, request, call.body, services);
        if (route.atOnce !== undefined) await waitForTurn(turns, origin, route.atOnce, reply);
        signal.throwIfAborted();
        return await route.handle({ ...call, origin });
      }),
  });
}

/** Waits for the turn of a request among those of its server. It lasts until the answer has been taken or the connection is gone. */
async function waitForTurn(
  turns: Map<ServerName, Limiter>,
  origin: ServerName,
  atOnce: number,
  reply: FastifyReply,
): Promise<void> {
  const limiter = turns.get(origin) ?? new Limiter(atOnce);
  turns.set(origin, limiter);
  await new Promise<void>((begin) => {
    const lasting = limiter.run(async () => {
      begin();
      if (!reply.raw.closed) await new Promise<void>((closed) => reply.raw.once('close', closed));
    });
    void lasting.then(() => {
      if (limiter.isIdle && turns.get(origin) === limiter) turns.delete(origin);
    });
  });
}

async function admit(
  route: FederationRoute,
  request: FastifyRequest,
  body: unknown,
  { authenticateServer, rateLimits, roomPolicy }: FederationRouteServices,
): Promise<ServerName> {
  if (route.auth === 'none') return '';
  const origin = await authenticateServer({
    method: request.method,
    uri: request.raw.url ?? request.url,
    authorization: request.headers.authorization,
    rawBody: request.body instanceof Uint8Array ? request.body : undefined,
    body,
  });
  request.requesterId = origin;
  if (route.rateLimit !== 'none') await rateLimits.take(route.rateLimit, origin);
  const roomId = (request.params as { roomId?: RoomId }).roomId;
  if (roomId === undefined) return origin;
  if (isJsonObject(body) && body.room_id !== undefined && body.room_id !== roomId)
    throw invalidParam('The room id of the body is not the one of the path.');
  const mayTakePart = route.serverAcl === 'none' || (await roomPolicy.serverMayTakePart(roomId, origin));
  const isIn = route.inRoom === 'none' || (await roomPolicy.isSharedWith(roomId, origin));
  // The same words for both where the room is read: whoever is not in it is not told of its ACL either (A3.1).
  if (route.inRoom === 'joined' && !(mayTakePart && isIn))
    throw forbidden('This server is not in the room, or is banned from it.');
  if (!mayTakePart) throw forbidden('This server is banned from the room.');
  return origin;
}
