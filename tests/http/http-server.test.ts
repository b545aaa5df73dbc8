import { describe, expect, test } from 'vitest';
import { routeServer } from '../harness/route-server.ts';

const { call, get, raw, logged } = await routeServer();

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
      expect(headers.get('cache-control')).toBe('no-store');
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
