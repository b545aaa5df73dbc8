import { PassThrough } from 'node:stream';
import Type from 'typebox';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { addFederationRoutes, type SignedRequest } from '../../server/src/http/federation-routes.ts';
import { createHttpServer } from '../../server/src/http/http-server.ts';
import { noRateLimits, type RateLimits } from '../../server/src/http/rate-limits.ts';
import { federationRoute } from '../../server/src/http/route.ts';
import { AnyObject, Identifier } from '../../server/src/http/schemas.ts';
import { limitExceeded, MatrixError } from '../../server/src/protocol/errors.ts';
import { NonCanonicalToken } from '../../server/src/protocol/json.ts';

const log: string[] = [];
const signed: SignedRequest[] = [];
const rateLimits: RateLimits = {
  ...noRateLimits,
  async take(limit, key) {
    log.push(`${limit} ${key}`);
    if (key === 'flood.test') throw limitExceeded(1000);
  },
};

/** Long answers under way, by room. */
const answers = new Map<string, PassThrough>();

const app = createHttpServer({ logger: { info() {}, error() {} }, trustProxy: [], cors: false });
addFederationRoutes(
  app,
  [
    federationRoute({
      method: 'PUT',
      path: '/_matrix/federation/v1/send/{txnId}',
      auth: 'x_matrix',
      serverAcl: 'none',
      inRoom: 'none',
      rateLimit: 'federation',
      body: Type.Object({ pdus: Type.Array(Type.Unknown()) }),
      async handle({ body, origin, params }) {
        log.push('handled');
        const [pdu] = body.pdus as { depth: unknown }[];
        return { origin, txnId: params.txnId, isToken: pdu?.depth instanceof NonCanonicalToken };
      },
    }),
    federationRoute({
      method: 'PUT',
      path: '/_matrix/federation/v2/invite/{roomId}/{eventId}',
      auth: 'x_matrix',
      serverAcl: 'room',
      inRoom: 'joined',
      rateLimit: 'none',
      body: AnyObject,
      async handle() {
        log.push('handled');
        return {};
      },
    }),
    federationRoute({
      method: 'GET',
      path: '/_matrix/federation/v1/state/{roomId}',
      auth: 'x_matrix',
      serverAcl: 'none',
      inRoom: 'none',
      rateLimit: 'none',
      atOnce: 2,
      async handle({ origin, params, reply }) {
        log.push(`${origin} ${params.roomId}`);
        const taken = new PassThrough();
        answers.set(params.roomId ?? '', taken);
        return await reply.send(taken);
      },
    }),
    federationRoute({
      method: 'GET',
      path: '/_matrix/federation/v1/version',
      auth: 'none',
      serverAcl: 'none',
      inRoom: 'none',
      rateLimit: 'federation',
      query: Type.Object({ name: Type.Optional(Identifier) }),
      handle: async () => ({}),
    }),
  ],
  {
    rateLimits,
    roomPolicy: {
      serverMayTakePart: async (_roomId, server) => server !== 'banned.test',
      isSharedWith: async (_roomId, server) => server !== 'outside.test',
    },
    async authenticateServer(request) {
      signed.push(request);
      const origin = /origin="([^"]+)"/.exec(request.authorization ?? '')?.[1];
      if (origin === undefined) throw new MatrixError('M_UNAUTHORIZED', 'Not signed.', 401);
      return origin;
    },
  },
);
await app.ready();
afterAll(() => app.close());
beforeEach(() => {
  log.length = 0;
  signed.length = 0;
});

const put = (url: string, origin: string | undefined, payload: string) =>
  app.inject({
    method: 'PUT',
    url,
    payload,
    headers: {
      'content-type': 'application/json',
      ...(origin === undefined ? {} : { authorization: `X-Matrix origin="${origin}"` }),
    },
  });

describe('a signed request', () => {
  test('is authenticated with its method, its path exactly as sent, and its parsed body', async () => {
    const url = '/_matrix/federation/v1/send/a%2Fb?x=%20';
    const answer = await put(url, 'good.test', '{"pdus":[{"depth":1.0}]}');
    expect(answer.json()).toEqual({ origin: 'good.test', txnId: 'a/b', isToken: true });
    expect(signed).toMatchObject([{ method: 'PUT', uri: url, authorization: 'X-Matrix origin="good.test"' }]);
    expect(log).toEqual(['federation good.test', 'handled']);
  });

  test('without a good signature goes no further', async () => {
    const answer = await put('/_matrix/federation/v1/send/1', undefined, '{"pdus":[]}');
    expect([answer.statusCode, answer.json().errcode]).toEqual([401, 'M_UNAUTHORIZED']);
    expect(log).toEqual([]);
  });

  test('of a server that sends too much is refused before it is handled', async () => {
    const answer = await put('/_matrix/federation/v1/send/1', 'flood.test', '{"pdus":[]}');
    expect(answer.statusCode).toBe(429);
    expect(log).not.toContain('handled');
  });
});

describe('a request about a room', () => {
  const url = '/_matrix/federation/v2/invite/!r:x/$e';

  test('A1.4 whose path and body name different rooms is refused', async () => {
    const answer = await put(url, 'good.test', '{"room_id":"!other:x"}');
    expect([answer.statusCode, answer.json().errcode]).toEqual([400, 'M_INVALID_PARAM']);
    expect((await put(url, 'good.test', '{"room_id":"!r:x"}')).statusCode).toBe(200);
  });

  test.each(['banned.test', 'outside.test'])('A3.1 of %s is refused before it is handled', async (origin) => {
    const answer = await put(url, origin, '{}');
    expect([answer.statusCode, answer.json().errcode]).toEqual([403, 'M_FORBIDDEN']);
    expect(log).toEqual([]);
  });
});

test('requests without authentication are limited by address, and there is no CORS between servers', async () => {
  const answer = await app.inject({ method: 'GET', url: '/_matrix/federation/v1/version' });
  expect(answer.statusCode).toBe(200);
  expect(log).toEqual(['federation 127.0.0.1']);
  expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  expect((await app.inject({ method: 'OPTIONS', url: '/_matrix/federation/v1/version' })).statusCode).toBe(405);
});

test('A3.1 a route that leaves out its room policy, or has one without a room, does not boot', async () => {
  const boot = (route: object) => {
    const other = createHttpServer({ logger: { info() {}, error() {} }, trustProxy: [], cors: false });
    addFederationRoutes(other, [route as never], {
      rateLimits,
      roomPolicy: { serverMayTakePart: async () => true, isSharedWith: async () => true },
      authenticateServer: async () => 'x',
    });
  };
  const route = {
    method: 'GET',
    path: '/x',
    auth: 'x_matrix',
    serverAcl: 'none',
    rateLimit: 'none',
    handle: async () => ({}),
  };
  expect(() => boot(route)).toThrow('does not say `inRoom`');
  expect(() => boot({ ...route, inRoom: 'joined' })).toThrow('has a room policy but no {roomId}');
});

test('long answers of one server wait for their turn, those of others do not wait for them', async () => {
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  const ask = (origin: string, room: string, signal: AbortSignal | null = null) =>
    fetch(`${url}/_matrix/federation/v1/state/${room}`, { headers: { authorization: `origin="${origin}"` }, signal });
  const leaving = new AbortController();
  const first = ask('slow.test', 'one');
  const second = ask('slow.test', 'two', leaving.signal);
  await expect.poll(() => log.toSorted()).toEqual(['slow.test one', 'slow.test two']);
  const third = ask('slow.test', 'three');
  const fourth = ask('slow.test', 'four');
  await expect.poll(() => signed.length).toBe(4);
  const other = ask('good.test', 'five');
  await expect.poll(() => log.at(-1)).toBe('good.test five');
  expect(log).toHaveLength(3);

  answers.get('one')?.end('1');
  expect(await (await first).text()).toBe('1');
  await expect.poll(() => log.length).toBe(4);
  leaving.abort();
  await expect(second).rejects.toThrow();
  await expect.poll(() => log.length).toBe(5);
  for (const room of ['three', 'four', 'five']) answers.get(room)?.end(room);
  const texts = (await Promise.all([third, fourth, other])).map((answer) => answer.text());
  expect(await Promise.all(texts)).toEqual(['three', 'four', 'five']);
});
