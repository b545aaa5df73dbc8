import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { createHttpServer } from '../../server/src/http/http-server.ts';
import { type JsonBatches, sendJsonStream } from '../../server/src/http/json-stream.ts';
import { unavailable } from '../../server/src/protocol/errors.ts';

/** Lists that the next request is answered with. */
let lists: Record<string, JsonBatches> = {};

const app = createHttpServer({ logger: { info() {}, error() {} }, trustProxy: [], cors: false });
app.get('/stream', async (_request, reply) => await sendJsonStream(reply, { head: 'é"', n: [1] }, lists));
const url = await app.listen({ port: 0, host: '127.0.0.1' });
afterAll(() => app.close());

async function* batches(...all: readonly unknown[][]): JsonBatches {
  for (const batch of all) yield batch.map((value) => JSON.stringify(value));
}

/** A megabyte at a time, without end. */
function endless() {
  const seen = { batches: 0, isOver: false };
  async function* read(): JsonBatches {
    try {
      for (;;) {
        seen.batches += 1;
        yield [JSON.stringify('x'.repeat(1024 * 1024))];
      }
    } finally {
      seen.isOver = true;
    }
  }
  return { seen, read };
}

test('fields and lists become one object, whatever batches are empty', async () => {
  lists = {
    some: batches([1, 'ü'], [], [{ a: null }]),
    none: batches([], []),
    nothing: batches(),
    last: batches([], [2]),
  };
  const answer = await fetch(`${url}/stream`);
  expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(await answer.json()).toEqual({
    head: 'é"',
    n: [1],
    some: [1, 'ü', { a: null }],
    none: [],
    nothing: [],
    last: [2],
  });
});

test('what fails before the first byte is answered with its error, what fails later cuts the connection', async () => {
  async function* failing(first: readonly string[]): JsonBatches {
    yield first;
    throw unavailable();
  }
  lists = { list: failing([]) };
  expect((await fetch(`${url}/stream`)).status).toBe(503);
  lists = { list: failing(['1']) };
  const answer = await fetch(`${url}/stream`);
  expect(answer.status).toBe(200);
  await expect(answer.text()).rejects.toThrow();
});

test('nothing more is read for a client that does not take what it was sent, or has gone away', async () => {
  const { seen, read } = endless();
  lists = { list: read() };
  const { port } = new URL(url);
  const socket = connect(Number(port), '127.0.0.1');
  await once(socket, 'connect');
  socket.pause();
  socket.write('GET /stream HTTP/1.1\r\nHost: x\r\n\r\n');
  let before = 0;
  const hasStopped = () => {
    const isSame = before > 0 && seen.batches === before;
    before = seen.batches;
    return isSame;
  };
  await expect.poll(hasStopped, { interval: 100, timeout: 30_000 }).toBe(true);
  // What the buffers of two sockets hold.
  expect(seen.batches).toBeLessThan(50);
  expect(seen.isOver).toBe(false);
  socket.destroy();
  await expect.poll(() => seen.isOver, { timeout: 30_000 }).toBe(true);
});
