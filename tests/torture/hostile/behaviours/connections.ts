import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { expect } from 'vitest';
import { RawAnswer } from '../../../harness/puppet-server.ts';
import { listenDripping, listenRaw, listenTls } from '../raw-listener.ts';
import { type Behaviour, FORGED, type Situation } from '../scene.ts';

const DRIP_MS = 50;

/** Alice tries to join a room by that server. The answer must be one that clients understand. */
async function joinBy({ alice }: Situation, serverName: string, what: string): Promise<void> {
  const room = encodeURIComponent(`!room:${serverName}`);
  const answer = await alice.call('POST', `/join/${room}?via=${encodeURIComponent(serverName)}`, {});
  expect([404, 502, 504], `${what}: ${JSON.stringify(answer.body)}`).toContain(answer.status);
  expect(answer.body.errcode, what).toMatch(/^M_/);
}

/** The same without waiting for the end, which is that of the server: the other rooms are tried meanwhile. */
async function startJoinBy(situation: Situation, serverName: string, asked: Promise<unknown>): Promise<void> {
  joinBy(situation, serverName, 'late').catch(() => {});
  await asked;
}

/** Writes the same text again and again, as fast as it is taken. */
function pour(socket: Socket, before: string, text: string): void {
  socket.write(before);
  const chunk = text.repeat(Math.ceil(65_536 / text.length));
  const more = () => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', more);
  more();
}

/** An answer that is written to the connection itself. */
function onConnection(write: (socket: Socket) => void): RawAnswer {
  return new RawAnswer((_request, response: ServerResponse) => {
    if (response.socket !== null) write(response.socket);
  });
}

/** Servers that are slow, broken or rude before there is an answer. */
export const connectionBehaviours: readonly Behaviour[] = [
  {
    title: 'A5.3 takes connections and says nothing, and shakes hands a byte at a time',
    async attack(situation) {
      const dripping = await listenDripping((await situation.newPeer()).serverName);
      for (const listener of [await listenRaw(() => {}), dripping]) {
        situation.close(listener);
        await startJoinBy(situation, listener.serverName, listener.asked);
      }
    },
  },
  {
    title: 'A5.3 writes the head of an answer a byte at a time, or floods it, while the room goes on',
    async attack(situation) {
      const drip = (socket: Socket) => {
        socket.write('HTTP/1.1 200 OK\r\nx: ');
        const timer = setInterval(() => socket.write('x'), DRIP_MS);
        socket.on('close', () => clearInterval(timer));
      };
      for (const write of [
        drip,
        (socket: Socket) => pour(socket, 'HTTP/1.1 200 ', 'O'),
        (socket: Socket) => pour(socket, '', 'HTTP/1.1 103 Early Hints\r\n\r\n'),
        (socket: Socket) => pour(socket, 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;', 'x'),
      ]) {
        const peer = await situation.newPeer();
        const asked = new Promise<void>((resolve) => {
          const answer = onConnection((socket) => {
            resolve();
            write(socket);
          });
          peer.answers.set('make_join', () => answer);
        });
        await startJoinBy(situation, peer.serverName, asked);
      }
    },
  },
  {
    title: 'A5.3 writes headers, early answers and trailers without end',
    async attack(situation) {
      const { hostile } = situation;
      for (const [what, before, text] of [
        ['one header', 'HTTP/1.1 200 OK\r\nx: ', 'x'],
        ['headers', 'HTTP/1.1 200 OK\r\n', 'x: y\r\n'],
        ['going on', '', 'HTTP/1.1 100 Continue\r\n\r\n'],
        ['trailers', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n', 'x: y\r\n'],
      ] as const) {
        hostile.answers.set('make_join', () => onConnection((socket) => pour(socket, before, text)));
        await joinBy(situation, hostile.serverName, what);
      }
    },
  },
  {
    title: 'answers more than it is asked, and something else than HTTP',
    async attack(situation) {
      const { hostile } = situation;
      const body = JSON.stringify({ errcode: 'M_NOT_FOUND', error: FORGED });
      const answer = `HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
      for (const [what, bytes] of [
        ['three answers', answer.repeat(3)],
        ['two lengths', answer.replace('content-length:', 'content-length: 1\r\ncontent-length:')],
        ['a length and chunks', answer.replace('content-length:', 'transfer-encoding: chunked\r\ncontent-length:')],
        ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nhello'],
        ['no HTTP', randomBytes(1000)],
        ['a line', '\r\n'],
      ] as const) {
        hostile.answers.set('make_join', () => onConnection((socket) => socket.end(bytes)));
        await joinBy(situation, hostile.serverName, what);
      }
    },
  },
  {
    title: 'has the certificate of another server, speaks without TLS, and answers hello with noise',
    async attack(situation) {
      const { developmentCa } = situation;
      let heard = '';
      const listen = (socket: Socket) => void socket.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1')));
      for (const [what, listener] of [
        ['another name', await listenTls('127.0.0.1', developmentCa, listen)],
        ['no TLS', await listenRaw((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}'))],
        ['noise', await listenRaw((socket) => socket.end(randomBytes(10_000)))],
        ['nothing', await listenRaw((socket) => socket.destroy())],
      ] as const) {
        situation.close(listener);
        await joinBy(situation, listener.serverName, what);
        await listener.asked;
      }
      expect(heard, 'what was told to a server that is not who it says').toBe('');
    },
  },
];
