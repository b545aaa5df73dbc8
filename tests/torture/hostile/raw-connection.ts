import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

const ANSWER_MS = 60_000;

function portOf(serverName: string): number {
  return Number(serverName.slice(serverName.lastIndexOf(':') + 1));
}

/** A TCP connection on which nothing has been said, not even hello. */
export async function openSocket(serverName: string): Promise<Socket> {
  const socket = connect(portOf(serverName), '127.0.0.1');
  socket.on('error', () => {});
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return socket;
}

/** A TLS connection on which nothing has been said. */
export async function openTlsSocket(serverName: string): Promise<Socket> {
  const socket = connectTls({ port: portOf(serverName), host: '127.0.0.1', rejectUnauthorized: false });
  socket.on('error', () => {});
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  return socket;
}

/**
 * Writes bytes to a server and answers the status with which it answers; 0 where it hangs up instead. Throws when nothing
 * comes at all.
 */
export async function statusOf(serverName: string, bytes: string | Buffer): Promise<number> {
  const socket = await openTlsSocket(serverName);
  try {
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no answer')), ANSWER_MS);
      const settle = (status: number) => {
        clearTimeout(timer);
        resolve(status);
      };
      let text = '';
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1');
        const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1];
        if (status !== undefined) settle(Number(status));
      });
      socket.on('close', () => settle(0));
      socket.write(bytes);
    });
  } finally {
    socket.destroy();
  }
}

/** The text of an HTTP request. */
export function requestText(line: string, headers: Readonly<Record<string, string>>, body = ''): string {
  const lines = Object.entries({ host: 'localhost', connection: 'close', ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return `${line} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}
