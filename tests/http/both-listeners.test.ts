import { readFile } from 'node:fs/promises';
import { request as overHttp } from 'node:http';
import { request as overTls } from 'node:https';
import { connect } from 'node:net';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, inject, test } from 'vitest';
import { enc, registerClient } from '../harness/client.ts';
import { spawnHomeserver, startHomeserver } from '../harness/homeserver.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

/** The guards of a whole homeserver, as they stand on its client port (HTTP) and on its federation port (TLS). */

const server = await startHomeserver();
const ana = await registerClient(server.baseUrl, 'ana');
const puppet = await startPuppetServer();
const ca = await readFile(path.join(inject('developmentCa'), 'ca.pem'));

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

interface Ask {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

/** A request as it stands: no header is added but the length of the body. */
function ask(
  listener: 'client' | 'federation',
  { method = 'GET', path: target, headers = {}, body }: Ask,
): Promise<Reply> {
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const options = { method, path: target, headers: { ...length, ...headers }, host: 'localhost' };
  return new Promise((resolve, reject) => {
    const request =
      listener === 'client'
        ? overHttp({ ...options, host: '127.0.0.1', port: new URL(server.baseUrl).port })
        : overTls({ ...options, port: server.federationPort, ca });
    request.on('error', reject).on('response', async (response) => {
      let text = '';
      for await (const chunk of response.setEncoding('utf8')) text += chunk;
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
    });
    request.end(body);
  });
}

/** Every error is JSON with a code; anything else fails the test that looks at it. */
function failure(reply: Reply): [number, string] {
  expect(reply.headers['content-type'], reply.text).toMatch(/^application\/json/);
  const { errcode, error } = JSON.parse(reply.text);
  expect(errcode).toMatch(/^M_[A-Z_]+$/);
  expect(typeof error).toBe('string');
  return [reply.status, errcode];
}

const authorization = `Bearer ${ana.accessToken}`;
const json = { 'content-type': 'application/json' };
const LISTENERS = {
  // A route with a body on each, which needs no room.
  client: { path: '/_matrix/client/v3/createRoom', method: 'POST', headers: { authorization, ...json } },
  federation: { path: '/_matrix/key/v2/query', method: 'POST', headers: json },
} as const;
const MIB = 1024 * 1024;

describe.each(['client', 'federation'] as const)('the %s listener', (listener) => {
  const route = LISTENERS[listener];
  const send = (body: string | Buffer | undefined, headers: Record<string, string> = route.headers) =>
    ask(listener, { ...route, headers, ...(body === undefined ? {} : { body }) });

  test('answers unknown paths with 404 and wrong methods with 405, both as M_UNRECOGNIZED', async () => {
    for (const target of ['/_matrix/unknown', '/_matrix', `${route.path}/x/y/z`, `${route.path}//`, '/_matrix/%zz'])
      expect([400, 404]).toContain(failure(await ask(listener, { path: target }))[0]);
    expect(failure(await ask(listener, { path: '/_matrix/unknown' }))).toEqual([404, 'M_UNRECOGNIZED']);
    const wrong = await ask(listener, { ...route, method: 'DELETE' });
    expect(failure(wrong)).toEqual([405, 'M_UNRECOGNIZED']);
    expect(wrong.headers.allow).toBe('POST');
  });

  test('does not serve the API of the other listener', async () => {
    const other = LISTENERS[listener === 'client' ? 'federation' : 'client'];
    expect(failure(await ask(listener, { ...other, body: '{}' }))).toEqual([404, 'M_UNRECOGNIZED']);
  });

  test('takes a body up to the limit, and not one byte more', async () => {
    const padded = (length: number) => `{"server_keys":{},"x":"${'x'.repeat(length - 25)}"}`;
    expect(Buffer.byteLength(padded(MIB))).toBe(MIB);
    const most = await send(padded(MIB));
    expect(most.status, most.text).toBe(200);
    expect(failure(await send(padded(MIB + 1)))).toEqual([413, 'M_TOO_LARGE']);
  });

  test.each([
    ['a list', '[]', 'M_BAD_JSON'],
    ['a text', '"x"', 'M_BAD_JSON'],
    ['a number', '1', 'M_BAD_JSON'],
    ['null', 'null', 'M_BAD_JSON'],
    ['nothing', '', 'M_NOT_JSON'],
    ['half an object', '{"a":', 'M_NOT_JSON'],
  ])('refuses %s for a body', async (_what, body, errcode) => {
    expect(failure(await send(body))).toEqual([400, errcode]);
  });

  test('A8.3 refuses brackets nested 200,000 deep, and goes on serving', async () => {
    const deep = `{"server_keys":${'['.repeat(200_000)}${']'.repeat(200_000)}}`;
    expect(failure(await send(deep))[0]).toBe(400);
    expect((await send('{"server_keys":{}}')).status).toBe(200);
  });

  test('A6.5 refuses types that are not JSON, and takes a body without a type for JSON', async () => {
    const without: Record<string, string> = { ...route.headers };
    delete without['content-type'];
    expect((await send('{"server_keys":{}}', without)).status).toBe(200);
    expect(failure(await send('{}', { ...without, 'content-type': 'text/plain' }))).toEqual([415, 'M_NOT_JSON']);
  });

  test('A8.4 A10.4 compresses nothing, and takes nothing that is compressed', async () => {
    const reply = await send('{"server_keys":{}}', { ...route.headers, 'accept-encoding': 'gzip, deflate, br, zstd' });
    expect(reply.headers['content-encoding']).toBeUndefined();
    const packed = await send(gzipSync('{"server_keys":{}}'), { ...route.headers, 'content-encoding': 'gzip' });
    expect(failure(packed)).toEqual([400, 'M_NOT_JSON']);
  });
});

describe('ids and keys', () => {
  const longest = 'x'.repeat(254);

  test('of 255 characters reach the client API, and longer ones are refused', async () => {
    const state = (id: string) =>
      ask('client', { path: `/_matrix/client/v3/rooms/${enc(id)}/state`, headers: { authorization } });
    expect(failure(await state(`!${longest}`))).toEqual([403, 'M_FORBIDDEN']);
    expect(failure(await state(`!${'x'.repeat(5_000)}`))[0]).toBeLessThan(415);
    const roomId = await ana.createRoom();
    const event = await ana.request('GET', `v3/rooms/${enc(roomId)}/event/${enc(`$${longest}`)}`);
    expect([event.status, event.body.errcode]).toEqual([404, 'M_NOT_FOUND']);
    await ana.setState(roomId, 'org.example.long', { a: 1 }, longest);
    expect(await ana.ok('GET', `v3/rooms/${enc(roomId)}/state/org.example.long/${longest}`)).toEqual({ a: 1 });
  });

  test('of 255 characters reach the federation API', async () => {
    const event = await puppet.call(server.serverName, 'GET', `/v1/event/${enc(`$${longest}`)}`);
    expect([event.status, event.body.errcode]).toEqual([404, 'M_NOT_FOUND']);
  });

  test('A9.1 `__proto__` is a key like any other, from both sides', async () => {
    const roomId = await ana.createRoom();
    const put = await ask('client', {
      method: 'PUT',
      path: `/_matrix/client/v3/rooms/${enc(roomId)}/send/m.room.message/proto`,
      headers: { authorization, ...json },
      body: '{"body":"x","msgtype":"m.text","__proto__":{"polluted":true}}',
    });
    const { event_id: eventId } = JSON.parse(put.text);
    const shown = await ask('client', {
      path: `/_matrix/client/v3/rooms/${enc(roomId)}/event/${enc(eventId)}`,
      headers: { authorization },
    });
    expect(shown.text).toContain('"__proto__":{"polluted":true}');
    const text = '{"edus":[{"__proto__":{"edu_type":"m.typing"}}],"pdus":[{"__proto__":{"room_id":"!x"}}]}';
    const sent = await puppet.callWithText(server.serverName, 'PUT', '/v1/send/proto', text);
    expect([sent.status, sent.body]).toEqual([200, { pdus: {} }]);
  });

  test.each([
    ['no list of events', '{"pdus":{}}'],
    ['a text', '"x"'],
    ['a list', '[]'],
  ])('a transaction that is %s is refused', async (_what, text) => {
    const sent = await puppet.callWithText(server.serverName, 'PUT', '/v1/send/wrong', text);
    expect([sent.status, sent.body.errcode]).toEqual([400, 'M_BAD_JSON']);
  });
});

test('A10.3 headers with the names of prototypes are headers like any others', async () => {
  // In a process with the flags of production: those of the tests make Node itself stumble over them.
  const { baseUrl } = await spawnHomeserver();
  const names = ['__proto__', 'constructor', 'prototype', 'hasOwnProperty'].map((name) => `${name}: x\r\n`).join('');
  const socket = connect(Number(new URL(baseUrl).port), '127.0.0.1');
  socket.write(`GET /_matrix/client/versions HTTP/1.1\r\nHost: x\r\n${names}Connection: close\r\n\r\n`);
  let answer = '';
  for await (const chunk of socket.setEncoding('utf8')) answer += chunk;
  expect(answer).toMatch(/^HTTP\/1.1 200 /);
  expect((await fetch(`${baseUrl}/_matrix/client/versions`)).status).toBe(200);
});
