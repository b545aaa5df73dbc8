import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { enforceBodyDeadline } from '../../server/src/http/body-deadline.ts';

/** Longer than a busy machine leaves a process without a turn. */
const DEADLINES = { jsonMs: 2_000, streamIntervalMs: 2_000, streamIntervalBytes: 100 };

/** Reads bodies to their end and then answers with their length; paths that start with /stream are streams. */
const server = createServer((request: IncomingMessage, response) => {
  const isStream = request.url?.startsWith('/stream') === true;
  enforceBodyDeadline(request, isStream, DEADLINES);
  let size = 0;
  const read = () =>
    request
      .on('data', (chunk) => {
        size += chunk.length;
      })
      .on('end', () => response.end(String(size)));
  if (request.url === '/stream-held') setTimeout(read, 2_500);
  else read();
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
afterAll(() => server.close());

interface Exchange {
  readonly socket: Socket;
  /** What had been answered when the connection ended. */
  readonly answer: Promise<string>;
}

function open(path: string, length: number): Exchange {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n`);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', () => {}); // A connection that the server resets ends with an error.
  return { socket, answer: new Promise((resolve) => socket.on('close', () => resolve(text))) };
}

/** Sends one byte every few milliseconds until the connection ends. */
function drip(socket: Socket, bytes: string, everyMs: number): void {
  const timer = setInterval(() => socket.writable && socket.write(bytes), everyMs);
  socket.on('close', () => clearInterval(timer));
}

test.concurrent('a JSON body that arrives in time is read', async () => {
  const { socket, answer } = open('/json', 4);
  socket.write('{"a"');
  expect(await answer).toMatch(/\r\n\r\n4$/);
});

test.concurrent('a JSON body that does not arrive in time ends the connection, however busily it drips', async () => {
  const { socket, answer } = open('/json', 1_000_000);
  drip(socket, 'x'.repeat(500), 10);
  expect(await answer).toBe('');
});

test.concurrent('a stream may take longer as long as it makes progress', async () => {
  const { socket, answer } = open('/stream', 60_000);
  drip(socket, 'x'.repeat(250), 10);
  expect(await answer).toMatch(/\r\n\r\n60000$/);
});

test.concurrent('a stream that makes too little progress ends', async () => {
  const { socket, answer } = open('/stream', 1_000_000);
  drip(socket, 'x', 50);
  expect(await answer).toBe('');
});

test.concurrent('a stream that the reader holds back is not the fault of its sender', async () => {
  const { socket, answer } = open('/stream-held', 2_000);
  socket.write('x'.repeat(2_000));
  expect(await answer).toMatch(/\r\n\r\n2000$/);
});
