import { connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuthenticate } from '../../server/src/http/access-token.ts';
import { addClientRoutes } from '../../server/src/http/client-routes.ts';
import { createHttpServer } from '../../server/src/http/http-server.ts';
import { noRateLimits } from '../../server/src/http/rate-limits.ts';
import { clientRoute } from '../../server/src/http/route.ts';
import { AnyObject, boundedString } from '../../server/src/http/schemas.ts';
import { limitExceeded, unknownToken } from '../../server/src/protocol/errors.ts';

const LIMIT = 1000;
const logged: object[] = [];
const logger = {
  info: (fields: object) => void logged.push(fields),
  error: (fields: object) => void logged.push(fields),
};

const open = { auth: 'none', guests: true, rateLimit: 'none' } as const;
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

let app: FastifyInstance;
let base: string;

beforeAll(async () => {
  app = createHttpServer({ logger, trustProxy: ['10.0.0.0/8'], cors: true });
  const authenticate = createAuthenticate(async (token) => {
    if (token === 'guest') return { userId: '@guest:x', deviceId: 'D', tokenId: 2, isGuest: true, isAdmin: false };
    if (token !== 'good') throw unknownToken('Unknown token.');
    return { userId: '@a:x', deviceId: 'D', tokenId: 1, isGuest: false, isAdmin: false };
  });
  addClientRoutes(app, routes, { authenticate, rateLimits: noRateLimits });
  base = await app.listen({ host: '127.0.0.1', port: 0 });
});
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
const put = (body: string | Uint8Array, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
  call('PUT', '/_matrix/client/v3/echo', { body, headers });

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
const get = (target: string) => raw(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);

describe('identifiers in paths', () => {
  test('identifiers of 254 and 255 bytes arrive whole, even when every byte is percent-encoded', async () => {
    const roomId = `!${'r'.repeat(250)}:xy`;
    const encoded = [...Buffer.from(`$${'é'.repeat(127)}`)].map((byte) => `%${byte.toString(16)}`).join('');
    const { status, json } = await call('GET', `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/x/${encoded}`);
    expect(status).toBe(200);
    expect(json).toEqual({ roomId, eventId: `$${'é'.repeat(127)}` });
  });

  test('A8.5 an encoded slash stays inside its parameter and is decoded once', async () => {
    const { json } = await call('GET', '/_matrix/client/v3/rooms/%21a%2Fb/x/%24c%252Fd');
    expect(json).toEqual({ roomId: '!a/b', eventId: '$c%2Fd' });
  });

  test.each([
    '/_matrix/client/v3/rooms/!a/../x/$b',
    '/_matrix/client/v3/rooms/!a//x/$b',
    '//_matrix/client/v3/rooms/!a/x/$b',
    '/_matrix/client/v3/rooms/!a/x/$b/',
    '/_matrix/client/v3/rooms/!a/x/$b/more',
    '/prefix/_matrix/client/v3/rooms/!a/x/$b',
    '/_matrix/client/v3/rooms//x/$b',
    '/_matrix%2Fclient/v3/rooms/!a/x/$b',
    '/_MATRIX/client/v3/rooms/!a/x/$b',
  ])('A8.5 %s is no known path', async (target) => {
    const answer = await get(target);
    expect(answer).toMatch(/^HTTP\/1.1 404/);
    expect(answer).toContain('M_UNRECOGNIZED');
  });

  test('an empty parameter is accepted only where the route says so', async () => {
    expect((await call('GET', '/_matrix/client/v3/state/m.room.name/')).json).toEqual({
      eventType: 'm.room.name',
      stateKey: '',
    });
    expect((await call('GET', '/_matrix/client/v3/state//x')).status).toBe(404);
  });

  test('a NUL and percent signs that are no UTF-8 are refused with an errcode', async () => {
    expect((await call('GET', '/_matrix/client/v3/rooms/!a%00/x/$b')).json.errcode).toBe('M_INVALID_PARAM');
    const broken = await call('GET', '/_matrix/client/v3/rooms/%ff/x/$b');
    expect([broken.status, broken.json.errcode]).toEqual([400, 'M_INVALID_PARAM']);
    expect(broken.headers.get('access-control-allow-origin')).toBe('*');
  });
});

describe('JSON bodies', () => {
  test('`__proto__` and `constructor` are keys like any other', async () => {
    const { json, status } = await put('{"__proto__":{"admin":true},"constructor":{"prototype":{"x":1}},"a":1}');
    expect(status).toBe(200);
    expect(json.keys).toEqual(['__proto__', 'constructor', 'a']);
    expect(json.hasPrototype).toBe(false);
    expect(Object.hasOwn(Object.prototype, 'admin')).toBe(false);
  });

  test('200,000 nested brackets are refused, not a crash', async () => {
    const deep = await call('POST', '/_matrix/client/v3/typed?dir=f', {
      body: '['.repeat(200_000) + ']'.repeat(200_000),
      headers: { 'content-type': 'application/json' },
    });
    expect([deep.status, deep.json.errcode]).toEqual([400, 'M_BAD_JSON']);
    expect((await put(`{"a":${'['.repeat(99)}${']'.repeat(99)}}`)).status).toBe(200);
    expect((await put(`{"a":${'['.repeat(100)}${']'.repeat(100)}}`)).status).toBe(400);
    expect((await put(JSON.stringify({ a: '['.repeat(300) }))).status).toBe(200);
  });

  test('a body of exactly the limit passes, one byte more is 413', async () => {
    const body = (size: number) => `{"a":"${'x'.repeat(size - 8)}"}`;
    expect((await put(body(LIMIT))).status).toBe(200);
    const over = await put(body(LIMIT + 1));
    expect([over.status, over.json.errcode]).toEqual([413, 'M_TOO_LARGE']);
  });

  test('the limit holds for bodies without an announced length and for streams', async () => {
    const chunked = (size: number, path: string, method: string) =>
      raw(
        `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n` +
          `${size.toString(16)}\r\n${'"'.repeat(size)}\r\n0\r\n\r\n`,
      );
    expect(await chunked(LIMIT + 1, '/_matrix/client/v3/echo', 'PUT')).toMatch(/^HTTP\/1.1 413/);
    expect(await chunked(LIMIT, '/_matrix/media/v3/upload', 'POST')).toContain('{"size":1000}');
    const over = await chunked(LIMIT + 1, '/_matrix/media/v3/upload', 'POST');
    expect(over).toMatch(/^HTTP\/1.1 413/);
    expect(over).toContain('M_TOO_LARGE');
  });

  test('a missing content type is taken for JSON', async () => {
    expect((await put(new TextEncoder().encode('{"a":1}'), {})).json.body).toEqual({ a: 1 });
  });

  test.each([
    'multipart/form-data; boundary=x',
    'MULTIPART/Form-Data',
    'text/plain',
    'application/x-www-form-urlencoded',
    'nonsense',
  ])('A6.5 a body of type %s is refused before it is read', async (type) => {
    const { status, json } = await put('{}', { 'content-type': type });
    expect([status, json.errcode]).toEqual([415, expect.stringMatching(/^M_/)]);
  });

  test.each(['application/json', 'Application/JSON; charset=utf-8', 'application/json;charset=UTF-8'])(
    'A10.1 %s is JSON and passes the same schema',
    async (type) => {
      expect((await put('{"a":1}', { 'content-type': type })).status).toBe(200);
      expect((await put('[]', { 'content-type': type })).json.errcode).toBe('M_BAD_JSON');
    },
  );

  test('what is not JSON is M_NOT_JSON: nothing, half an object, NaN, a byte order mark, broken UTF-8', async () => {
    for (const body of [
      '',
      '{"a":',
      '{"a":NaN}',
      '\ufeff{}',
      new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    ]) {
      const { status, json } = await put(body);
      expect([status, json.errcode]).toEqual([400, 'M_NOT_JSON']);
    }
  });

  test('an empty body counts as {} only where the route says so', async () => {
    expect((await call('POST', '/_matrix/client/v3/optional')).json).toEqual({});
    expect(
      (
        await call('POST', '/_matrix/client/v3/optional', {
          body: '[]',
          headers: { 'content-type': 'application/json' },
        })
      ).status,
    ).toBe(400);
    expect((await call('PUT', '/_matrix/client/v3/echo')).json.errcode).toBe('M_NOT_JSON');
  });

  test('a route without a body does not care what is sent', async () => {
    expect((await call('POST', '/_matrix/client/v3/bodyless')).status).toBe(200);
    expect(
      (await call('POST', '/_matrix/client/v3/bodyless', { body: '{', headers: { 'content-type': 'text/plain' } }))
        .status,
    ).toBe(200);
  });
});

describe('schemas', () => {
  const post = (query: string, body: unknown) =>
    call('POST', `/_matrix/client/v3/typed${query}`, {
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    });

  test('more keys are fine, and no value is coerced, filled in or removed', async () => {
    const { json } = await post('?dir=f', { name: 'a', 'org.example.more': { x: 1 }, level: 3 });
    expect(json).toEqual({ name: 'a', 'org.example.more': { x: 1 }, level: 3, dir: 'f' });
  });

  test.each([
    { name: 1 },
    { name: 'a', level: '1' },
    { name: 'a', level: true },
    { name: 'a', on: 'true' },
    { name: 'a', on: 1 },
    { name: null },
    { name: 'a'.repeat(11) },
    [],
    'x',
    null,
  ])('a body of the wrong type is M_BAD_JSON: %j', async (body) => {
    const { status, json } = await post('?dir=f', body);
    expect([status, json.errcode]).toEqual([400, 'M_BAD_JSON']);
  });

  test('a missing key is M_MISSING_PARAM in body and query', async () => {
    expect((await post('?dir=f', {})).json.errcode).toBe('M_MISSING_PARAM');
    expect((await post('', { name: 'a' })).json.errcode).toBe('M_MISSING_PARAM');
  });

  test('query values are read by their schema', async () => {
    const { json } = await post('?dir=b&limit=5&via=a&via=b&full=true&other=1', { name: 'a' });
    expect(json).toEqual({ name: 'a', dir: 'b', limit: 5, via: ['a', 'b'], full: true });
    for (const query of ['?dir=x', '?dir=f&limit=-1', '?dir=f&limit=1.5', '?dir=f&limit=', '?dir=f&full=1'])
      expect((await post(query, { name: 'a' })).json.errcode).toBe('M_INVALID_PARAM');
  });

  test('A7.8 a route whose schema has a string without maxLength does not boot', async () => {
    const app = createHttpServer({ logger, trustProxy: [], cors: true });
    const body = Type.Object({ deep: Type.Array(Type.Object({ text: Type.String() })) });
    addClientRoutes(app, [clientRoute({ ...open, method: 'POST', path: '/x', body, handle: async () => ({}) })], {
      authenticate: async () => undefined,
      rateLimits: noRateLimits,
    });
    await expect(app.ready()).rejects.toThrow('without maxLength at /properties/deep/items/properties/text');
  });

  test('A3.1 a route that does not say who may call it does not boot', async () => {
    const app = createHttpServer({ logger, trustProxy: [], cors: true });
    const route = { method: 'GET', path: '/x', auth: 'none', guests: true, handle: async () => ({}) };
    addClientRoutes(app, [route as never], { authenticate: async () => undefined, rateLimits: noRateLimits });
    await expect(app.ready()).rejects.toThrow('does not say `rateLimit`');
  });
});

describe('answers', () => {
  test('an unknown path is 404 and a wrong method on a known path 405, both M_UNRECOGNIZED', async () => {
    const unknown = await call('GET', '/_matrix/client/v3/nothing');
    expect([unknown.status, unknown.json.errcode]).toEqual([404, 'M_UNRECOGNIZED']);
    const wrong = await call('DELETE', '/_matrix/client/v3/echo', {
      body: 'x',
      headers: { 'content-type': 'text/plain' },
    });
    expect([wrong.status, wrong.json.errcode, wrong.headers.get('allow')]).toEqual([405, 'M_UNRECOGNIZED', 'PUT']);
    expect((await call('PATCH', '/_matrix/client/v3/rooms/!a/x/$b')).status).toBe(405);
    expect((await call('POST', '/_matrix/client/v3/nothing', { body: 'x' })).status).toBe(404);
  });

  test('OPTIONS is answered on every path without running its route', async () => {
    for (const path of [
      '/_matrix/client/v3/bug',
      '/_matrix/client/v3/me',
      '/_matrix/client/v3/nothing',
      '/.well-known/matrix/client',
    ]) {
      const { status, headers } = await call('OPTIONS', path);
      expect(status).toBe(204);
      expect(headers.get('access-control-allow-origin')).toBe('*');
      expect(headers.get('access-control-allow-methods')).toBe('GET, POST, PUT, DELETE, OPTIONS');
      expect(headers.get('access-control-allow-headers')).toBe('X-Requested-With, Content-Type, Authorization');
    }
  });

  test('every answer has CORS headers and is JSON with an errcode when it is an error', async () => {
    for (const path of [
      '/_matrix/client/v3/bug',
      '/_matrix/client/v3/me',
      '/_matrix/client/v3/nothing',
      '/_matrix/client/v3/limited',
    ]) {
      const { headers, json } = await call('GET', path);
      expect(headers.get('access-control-allow-origin')).toBe('*');
      expect(headers.get('access-control-allow-credentials')).toBeNull();
      expect(headers.get('content-type')).toMatch(/^application\/json/);
      expect(json).toMatchObject({ errcode: expect.stringMatching(/^M_/), error: expect.any(String) });
    }
  });

  test('a bug of ours is 500 M_UNKNOWN without detail, and its stack is logged', async () => {
    logged.length = 0;
    const { status, json } = await call('GET', '/_matrix/client/v3/bug');
    expect([status, json]).toEqual([500, { errcode: 'M_UNKNOWN', error: 'Internal server error.' }]);
    expect(logged).toContainEqual(
      expect.objectContaining({ err: expect.objectContaining({ message: 'secret detail' }) }),
    );
  });

  test('M_LIMIT_EXCEEDED comes with Retry-After in whole seconds', async () => {
    const { status, json, headers } = await call('GET', '/_matrix/client/v3/limited');
    expect([status, json.errcode, json.retry_after_ms]).toEqual([429, 'M_LIMIT_EXCEEDED', 1500]);
    expect(headers.get('retry-after')).toBe('2');
  });

  test('a handler that takes too long is answered with 503', async () => {
    const { status, json } = await call('GET', '/_matrix/client/v3/slow');
    expect([status, json.errcode]).toEqual([503, 'M_UNKNOWN']);
  });

  test('what is no HTTP is answered with an errcode', async () => {
    expect(await raw('NONSENSE\r\n\r\n')).toContain('"errcode":"M_UNKNOWN"');
    expect(await get(`/_matrix/client/v3/${'x'.repeat(20_000)}`)).toMatch(/^HTTP\/1.1 431.*M_UNKNOWN/s);
  });
});

describe('access tokens', () => {
  const me = (headers: Record<string, string>, query = '') => call('GET', `/_matrix/client/v3/me${query}`, { headers });

  test('no token is M_MISSING_TOKEN, a wrong one M_UNKNOWN_TOKEN', async () => {
    const missing = await me({});
    expect([missing.status, missing.json.errcode]).toEqual([401, 'M_MISSING_TOKEN']);
    expect((await me({ authorization: 'Basic good' })).json.errcode).toBe('M_MISSING_TOKEN');
    const wrong = await me({ authorization: 'Bearer bad' });
    expect([wrong.status, wrong.json]).toEqual([
      401,
      expect.objectContaining({ errcode: 'M_UNKNOWN_TOKEN', soft_logout: false }),
    ]);
  });

  test('A7.9 a token in the query string works and is in no log', async () => {
    logged.length = 0;
    expect((await me({}, '?access_token=good')).json).toEqual({ user_id: '@a:x' });
    expect((await me({ authorization: 'Bearer good' }, '?access_token=bad')).status).toBe(200);
    await call('GET', '/_matrix/client/v3/unknown?access_token=good');
    expect(logged.length).toBeGreaterThan(0);
    expect(JSON.stringify(logged)).not.toMatch(/access_token|good/);
    expect(logged).toContainEqual(
      expect.objectContaining({ route: '/_matrix/client/v3/me', userId: '@a:x', status: 200 }),
    );
  });

  test('a guest may only call what is open to guests', async () => {
    const { status, json } = await me({ authorization: 'Bearer guest' });
    expect([status, json.errcode]).toEqual([403, 'M_GUEST_ACCESS_FORBIDDEN']);
  });
});
