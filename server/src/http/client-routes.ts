import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { MatrixError, tooLarge } from '../protocol/errors.ts';
import { parseEventContent, parseJson } from '../protocol/json-parser.ts';
import type { Authenticate } from './access-token.ts';
import { requireJsonContentType } from './json-body.ts';
import { LongPolls } from './long-polls.ts';
import { addressBucket, type RateLimits } from './rate-limits.ts';
import type { ClientRoute, Requester } from './route.ts';
import { checkParams, compileRoute, limitStream, requireFields, routerPattern, runWithDeadline } from './run-route.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who the access token belongs to, once that is known: for the access log. */
    requesterId?: string;
  }
}

export interface ClientRouteServices {
  readonly authenticate: Authenticate;
  readonly rateLimits: RateLimits;
  /** Calls the listener with the id of each access token that is of no use any more, in whichever process it ended. */
  readonly onSessionEnd: (listener: (tokenId: number) => void) => void;
}

/**
 * Registers client API routes. Before a byte of the body is read a request passes, in this order: path parameters,
 * access token, guest access, rate limit, content type.
 */
export function addClientRoutes(
  app: FastifyInstance,
  routes: readonly ClientRoute[],
  services: ClientRouteServices,
): void {
  const openPolls = new LongPolls();
  services.onSessionEnd((tokenId) => openPolls.endSession(tokenId));
  app.addHook('preClose', (done) => {
    openPolls.endAll();
    done();
  });
  // biome-ignore lint/nursery/noMisusedPromises: Fastify awaits plugins, and refuses to start when one throws
  app.register(async (scope) => {
    for (const route of routes) if (route.body !== 'stream') addRoute(scope, route, services, openPolls);
  });
  // biome-ignore lint/nursery/noMisusedPromises: Fastify awaits plugins, and refuses to start when one throws
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    for (const route of routes) if (route.body === 'stream') addRoute(scope, route, services, openPolls);
  });
}

function addRoute(
  scope: FastifyInstance,
  route: ClientRoute,
  services: ClientRouteServices,
  openPolls: LongPolls,
): void {
  requireFields(route, ['auth', 'guests', 'rateLimit', 'handle']);
  const read = compileRoute(route, route.bodyIsContent === true ? parseEventContent : parseJson);
  const requesters = new WeakMap<FastifyRequest, Requester>();

  scope.route({
    method: route.method,
    url: routerPattern(route.path),
    config: { isStream: route.body === 'stream' },
    ...(route.bodyLimitBytes === undefined ? {} : { bodyLimit: route.bodyLimitBytes }),
    onRequest: async (request, reply) => {
      reply.headers(route.replyHeaders ?? {});
      checkParams(route, request.params as Record<string, string>);
      const requester = await identify(route, request, services.authenticate, route.writesWithToken === true);
      if (requester !== undefined) {
        requesters.set(request, requester);
        request.requesterId = requester.userId;
      }
      if (route.rateLimit !== 'none')
        await services.rateLimits.take(route.rateLimit, requester?.userId ?? addressBucket(request.ip));
      if (route.body === 'stream') requireLength(route, request);
      else if (route.body !== undefined) requireJsonContentType(request.headers['content-type']);
    },
    handler: async (request, reply) => {
      const requester = requesters.get(request);
      const longPoll = route.longPoll === true ? { polls: openPolls, tokenId: requester?.tokenId } : undefined;
      return await runWithDeadline(reply, { timeoutMs: route.timeoutMs, longPoll }, async (signal) => {
        try {
          const call = { ...read(request, reply, signal), requester };
          if (route.body === 'stream')
            return await route.handle({ ...call, stream: boundedStream(route, request, reply) });
          const answer = await route.handle(call);
          if (route.longPoll === true) await identify(route, request, services.authenticate);
          return answer;
        } catch (error) {
          if (route.writesWithToken === true) await identify(route, request, services.authenticate);
          throw error;
        }
      });
    },
  });
}

async function identify(
  route: ClientRoute,
  request: FastifyRequest,
  authenticate: Authenticate,
  fromMemory = false,
): Promise<Requester | undefined> {
  if (route.auth === 'none') return undefined;
  const requester = await authenticate({
    headers: request.headers,
    query: request.query as Record<string, string[]>,
    ip: request.ip,
    isOptional: route.auth === 'optional',
    whenLocked: route.whenLocked === true,
    fromMemory,
  });
  if (requester?.isGuest === true && !route.guests)
    throw new MatrixError('M_GUEST_ACCESS_FORBIDDEN', 'Guests may not do this.', 403);
  return requester;
}

function requireLength(route: ClientRoute, request: FastifyRequest): void {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (route.bodyLimitBytes !== undefined && announced > route.bodyLimitBytes)
    throw tooLarge('The request body is too large.');
}

function boundedStream(route: ClientRoute, request: FastifyRequest, reply: FastifyReply): NodeJS.ReadableStream {
  const source = (request.body as NodeJS.ReadableStream | undefined) ?? request.raw;
  if (route.bodyLimitBytes === undefined) return source;
  const bounded = limitStream(route.bodyLimitBytes);
  source.on('error', (error) => bounded.destroy(error));
  // A reader that has stopped must not leave the sender hanging: the connection ends with the answer.
  bounded.on('error', () => reply.header('connection', 'close'));
  return source.pipe(bounded);
}
