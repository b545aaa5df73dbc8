import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { MatrixClient } from '../torture/matrix-client.ts';

/**
 * A keep-alive connection of one client that sends one request at a time and does no more than that takes: the clients of a
 * benchmark share the machine with the server that is measured.
 */
export interface LeanConnection {
  /** Sends JSON and waits for the answer. Throws when it is not a 200. */
  put(path: string, json: string): Promise<void>;
  close(): void;
}

interface Waiting {
  readonly resolve: (answer: string) => void;
  readonly reject: (error: Error) => void;
}

/** Length of the answer at the start of the text; undefined while its head is incomplete. Needs a `Content-Length`. */
function answerLength(text: string): number | undefined {
  const head = text.indexOf('\r\n\r\n');
  if (head === -1) return undefined;
  return head + 4 + Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1]);
}

/** Sends a request as text and answers the whole answer, in Latin-1: lengths are counted in bytes. */
export interface RawConnection {
  exchange(request: string): Promise<string>;
  close(): void;
}

export function overSocket(socket: Socket): RawConnection {
  socket.setEncoding('latin1');
  let waiting: Waiting | undefined;
  let received = '';
  socket.on('data', (chunk: string) => {
    received += chunk;
    const length = answerLength(received);
    if (length === undefined || received.length < length) return;
    const answer = received;
    received = '';
    waiting?.resolve(answer);
  });
  socket.on('error', (error) => waiting?.reject(error));
  socket.on('close', () => waiting?.reject(new Error('the server closed the connection')));
  return {
    exchange: (request) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(request);
      }),
    close: () => socket.destroy(),
  };
}

export async function openLeanConnection(client: MatrixClient, url: string): Promise<LeanConnection> {
  const { hostname, port, host } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  await once(socket, 'connect');
  const { exchange, close } = overSocket(socket);
  const head = `HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${client.accessToken}\r\nContent-Type: application/json\r\n`;
  return {
    async put(path, json) {
      const answer = await exchange(`PUT ${path} ${head}Content-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`);
      if (!answer.startsWith('HTTP/1.1 200 ')) throw new Error(answer);
    },
    close,
  };
}
