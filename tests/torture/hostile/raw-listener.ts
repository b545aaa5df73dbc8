import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { systemClock } from '../../../server/src/base/clock.ts';
import { issueDevelopmentCertificate } from '../../../server/src/federation/development-ca.ts';
import { freePort } from '../../harness/free-port.ts';

const DRIP_MS = 50;

/** A port of the hostile server's behind which there is no HTTP server, but what a behaviour makes of it. */
export interface RawListener {
  /** `localhost:<port>`. */
  readonly serverName: string;
  /** Settles with the first connection. */
  readonly asked: Promise<unknown>;
  close(): Promise<void>;
}

async function listen(server: Server): Promise<RawListener> {
  const open = new Set<Socket>();
  const asked = once(server, 'connection');
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
  });
  const port = await freePort();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    serverName: `localhost:${port}`,
    asked,
    async close() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Hands over connections as they come, before any TLS. */
export async function listenRaw(onSocket: (socket: Socket) => void): Promise<RawListener> {
  return await listen(createServer(onSocket));
}

/** Hands over connections once TLS is there, with a certificate for `host`. */
export async function listenTls(
  host: string,
  developmentCa: string,
  onSocket: (socket: Socket) => void,
): Promise<RawListener> {
  const { key, cert } = await issueDevelopmentCertificate(host, developmentCa, systemClock);
  const server = createTlsServer({ key, cert }, (socket) => {
    socket.on('error', () => {});
    onSocket(socket);
  });
  // Whoever does not like the certificate hangs up.
  server.on('tlsClientError', () => {});
  return await listen(server);
}

/** Lets all that a server says come through a byte at a time, the TLS handshake too. */
export async function listenDripping(serverName: string): Promise<RawListener> {
  const port = Number(serverName.slice(serverName.lastIndexOf(':') + 1));
  return await listenRaw((socket) => {
    const upstream = connect(port, '127.0.0.1');
    const waiting: number[] = [];
    const drip = setInterval(() => {
      const byte = waiting.shift();
      if (byte !== undefined) socket.write(Buffer.of(byte));
    }, DRIP_MS);
    socket.pipe(upstream);
    upstream.on('data', (chunk: Buffer) => waiting.push(...chunk));
    const end = () => {
      clearInterval(drip);
      upstream.destroy();
      socket.destroy();
    };
    upstream.on('error', end);
    socket.on('close', end);
  });
}
