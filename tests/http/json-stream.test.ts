import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { createHttpServer } from '../../server/src/http/http-server.ts';
import { type JsonBatches, sendJsonStream, type TakingLimits } from '../../server/src/http/json-stream.ts';
import { unavailable } from '../../server/src/protocol/errors.ts';

/** Lists that the next request is answered with, and how long the client may take. */
let lists: Record<string, JsonBatches> = {};
let limits: TakingLimits = { idleMs: 600_000, totalMs: 600_000 };
const errors: unknown[] = [];

const logger = { info() {}, error: ({ err }: { err?: unknown }) => errors.push(err) };
const app = createHttpServer({ logger, trustProxy: [], cors: false });
app.get('/stream', async (_request, reply) => await sendJsonStream(reply, { head: 'é"', n: [1] }, lists, limits));
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

test('what fails before the first byte is answered with its error, what fails later cuts the connection and is logged', async () => {
  const failure = unavailable();
  async function* failing(first: readonly string[]): JsonBatches {
    yield first;
    throw failure;
  }
  lists = { list: failing([]) };
  expect((await fetch(`${url}/stream`)).status).toBe(503);
  expect(errors).toEqual([]);
  lists = { list: failing(['1']) };
  const answer = await fetch(`${url}/stream`);
  expect(answer.status).toBe(200);
  await expect(answer.text()).rejects.toThrow();
  await expect.poll(() => errors).toEqual([failure]);
});

/** A connection that has asked and does not read the answer. */
async function ask(): Promise<Socket> {
  const { port } = new URL(url);
  const socket = connect(Number(port), '127.0.0.1');
  await once(socket, 'connect');
  socket.on('error', () => {}); // A connection that the server resets ends with an error.
  socket.pause();
  socket.write('GET /stream HTTP/1.1\r\nHost: x\r\n\r\n');
  return socket;
}

test('nothing more is read for a client that does not take what it was sent, or has gone away', async () => {
  const { seen, read } = endless();
  lists = { list: read() };
  const socket = await ask();
  let before = 0;
  const hasStopped = () => {
    const isSame = before > 0 && seen.batches === before;
    before = seen.batches;
    return isSame;
  };
  await expect.poll(hasStopped, { interval: 100 }).toBe(true);
  // What the buffers of two sockets hold.
  expect(seen.batches).toBeLessThan(50);
  expect(seen.isOver).toBe(false);
  socket.destroy();
  await expect.poll(() => seen.isOver).toBe(true);
});

test('a client that takes nothing for long is cut off, and one that is not done when its time is up', async () => {
  const stalled = endless();
  lists = { list: stalled.read() };
  limits = { idleMs: 100, totalMs: 600_000 };
  await ask();
  await expect.poll(() => stalled.seen.isOver).toBe(true);

  const slow = endless();
  lists = { list: slow.read() };
  limits = { idleMs: 600_000, totalMs: 100 };
  const socket = await ask();
  socket.resume();
  await expect.poll(() => slow.seen.isOver).toBe(true);
});
