import { connect } from 'node:net';
import Type from 'typebox';
import { afterAll } from 'vitest';
import { createAuthenticate } from '../../server/src/http/access-token.ts';
import { addClientRoutes } from '../../server/src/http/client-routes.ts';
import { createHttpServer } from '../../server/src/http/http-server.ts';
import { noRateLimits } from '../../server/src/http/rate-limits.ts';
import { clientRoute } from '../../server/src/http/route.ts';
import { AnyObject, boundedString } from '../../server/src/http/schemas.ts';
import { limitExceeded, unknownToken } from '../../server/src/protocol/errors.ts';

/** Body limit of the routes that have one of their own, in bytes. */
export const LIMIT = 1000;
export const open = { auth: 'none', guests: true, rateLimit: 'none' } as const;
const routes = [
  clientRoute({
    ...open,
    method: 'GET',
    path: '/_matrix/client/v3/rooms/{roomId}/x/{eventId}',
    handle: async (r) => r.params,
  }),
  clientRoute({
    ...open,
    method: 'GET',
    path: '/_matrix/client/v3/state/{eventType}/{stateKey}',
    emptyParams: ['stateKey'],
    handle: async (r) => r.params,
  }),
  clientRoute({
    ...open,
    method: 'PUT',
    path: '/_matrix/client/v3/echo',
    bodyLimitBytes: LIMIT,
    body: AnyObject,
    handle: async (r) => ({
      body: r.body,
      keys: Object.keys(r.body),
      hasPrototype: Object.getPrototypeOf(r.body) !== null,
    }),
  }),
  clientRoute({
    ...open,
    method: 'POST',
    path: '/_matrix/client/v3/typed',
    body: Type.Object({
      name: boundedString(10),
      level: Type.Optional(Type.Integer()),
      on: Type.Optional(Type.Boolean()),
    }),
    query: Type.Object({
      limit: Type.Optional(Type.Integer({ minimum: 0 })),
      via: Type.Optional(Type.Array(boundedString(255))),
      full: Type.Optional(Type.Boolean()),
      dir: Type.Union([Type.Literal('f'), Type.Literal('b')]),
    }),
    handle: async (r) => ({ ...r.body, ...r.query }),
  }),
  clientRoute({
    ...open,
    method: 'POST',
    path: '/_matrix/client/v3/optional',
    body: AnyObject,
    bodyOptional: true,
    handle: async (r) => r.body,
  }),
  clientRoute({ ...open, method: 'POST', path: '/_matrix/client/v3/bodyless', handle: async () => ({}) }),
  clientRoute({
    method: 'GET',
    path: '/_matrix/client/v3/me',
    auth: 'access_token',
    guests: false,
    rateLimit: 'none',
    handle: async (r) => ({ user_id: r.requester.userId }),
  }),
  clientRoute({
    ...open,
    method: 'GET',
    path: '/_matrix/client/v3/limited',
    handle: async () => {
      throw limitExceeded(1500);
    },
  }),
  clientRoute({
    ...open,
    method: 'GET',
    path: '/_matrix/client/v3/bug',
    handle: async () => {
      throw new Error('secret detail');
    },
  }),
  clientRoute({
    ...open,
    method: 'GET',
    path: '/_matrix/client/v3/slow',
    timeoutMs: 20,
    handle: () => new Promise(() => {}),
  }),
  clientRoute({
    ...open,
    method: 'POST',
    path: '/_matrix/media/v3/upload',
    body: 'stream',
    bodyLimitBytes: LIMIT,
    handle: async (r) => {
      let size = 0;
      for await (const chunk of r.stream) size += chunk.length;
      return { size };
    },
  }),
];

/** A client listener on a real port with routes that show what arrives at a handler. The tokens `good` and `guest` are known. */
export async function routeServer() {
  const logged: object[] = [];
  const logger = {
    info: (fields: object) => void logged.push(fields),
    error: (fields: object) => void logged.push(fields),
  };
  const app = createHttpServer({ logger, trustProxy: ['10.0.0.0/8'], cors: true });
  const authenticate = createAuthenticate(async (token) => {
    if (token === 'guest') return { userId: '@guest:x', deviceId: 'D', tokenId: 2, isGuest: true, isAdmin: false };
    if (token !== 'good') throw unknownToken('Unknown token.');
    return { userId: '@a:x', deviceId: 'D', tokenId: 1, isGuest: false, isAdmin: false };
  });
  addClientRoutes(app, routes, { authenticate, rateLimits: noRateLimits, onSessionEnd() {} });
  const base = await app.listen({ host: '127.0.0.1', port: 0 });
  afterAll(() => app.close());

  async function call(
    method: string,
    path: string,
    init: { body?: string | Uint8Array; headers?: Record<string, string> } = {},
  ) {
    const response = await fetch(base + path, { method, ...init } as RequestInit);
    const text = await response.text();
    return { status: response.status, headers: response.headers, json: text === '' ? undefined : JSON.parse(text) };
  }

  /** Sends bytes as they are, for paths that an HTTP client would tidy up. */
  function raw(request: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(Number(new URL(base).port), '127.0.0.1', () => socket.end(request));
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk;
      });
      socket.on('end', () => resolve(answer));
      socket.on('error', reject);
    });
  }

  return {
    logged,
    call,
    put: (body: string | Uint8Array, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
      call('PUT', '/_matrix/client/v3/echo', { body, headers }),
    raw,
    get: (target: string) => raw(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
  };
}
