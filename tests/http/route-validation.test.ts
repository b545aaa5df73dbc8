import Type from 'typebox';
import { describe, expect, test } from 'vitest';
import { addClientRoutes } from '../../server/src/http/client-routes.ts';
import { createHttpServer } from '../../server/src/http/http-server.ts';
import { noRateLimits } from '../../server/src/http/rate-limits.ts';
import { clientRoute } from '../../server/src/http/route.ts';
import { LIMIT, open, routeServer } from '../harness/route-server.ts';

const { call, put, raw } = await routeServer();
const logger = { info() {}, error() {} };

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
      onSessionEnd() {},
    });
    await expect(app.ready()).rejects.toThrow('without maxLength at /properties/deep/items/properties/text');
  });

  test('A3.1 a route that does not say who may call it does not boot', async () => {
    const app = createHttpServer({ logger, trustProxy: [], cors: true });
    const route = { method: 'GET', path: '/x', auth: 'none', guests: true, handle: async () => ({}) };
    addClientRoutes(app, [route as never], {
      authenticate: async () => undefined,
      rateLimits: noRateLimits,
      onSessionEnd() {},
    });
    await expect(app.ready()).rejects.toThrow('does not say `rateLimit`');
  });
});
