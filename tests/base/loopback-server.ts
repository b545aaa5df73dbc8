import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { inject, onTestFinished } from 'vitest';
import { systemClock } from '../../server/src/base/clock.ts';
import type { NameLookup, SrvRecord } from '../../server/src/base/name-lookup.ts';
import {
  createOutboundHttp,
  type OutboundHttp,
  type OutboundHttpOptions,
} from '../../server/src/base/outbound-http.ts';
import { issueDevelopmentCertificate } from '../../server/src/federation/development-ca.ts';
import { freePort } from '../harness/free-port.ts';

export interface LoopbackServer {
  readonly port: number;
  /** Connections that were accepted so far. */
  connections(): number;
  close(): Promise<void>;
}

/** A real server on 127.0.0.1; with `tlsName`, over TLS with a certificate for that name. Ends with the test. */
export async function startLoopbackServer(handler: RequestListener, tlsName?: string): Promise<LoopbackServer> {
  const certificate =
    tlsName === undefined
      ? undefined
      : await issueDevelopmentCertificate(tlsName, inject('developmentCa'), systemClock);
  const server =
    certificate === undefined
      ? createHttpServer(handler)
      : createHttpsServer({ key: certificate.key, cert: certificate.cert }, handler);
  let connections = 0;
  server.on('connection', () => connections++);
  server.on('clientError', (_error, socket) => socket.destroy());
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(close);
  return { port, connections: () => connections, close };
}

/** The authority certificate that the servers above are signed by. */
export async function testCa(): Promise<string> {
  return (await issueDevelopmentCertificate('localhost', inject('developmentCa'), systemClock)).ca;
}

/** A dispatcher that ends with the test. */
export async function testOutbound(options: Partial<OutboundHttpOptions> = {}): Promise<OutboundHttp> {
  const http = createOutboundHttp({
    privateAddresses: 'localhost',
    extraCa: [await testCa()],
    userAgent: 'Parley test',
    ...options,
  });
  onTestFinished(() => http.close());
  return http;
}

/** A resolver that knows what it is told and counts what it is asked. */
export function tableLookup(
  addresses: Record<string, string[]> = {},
  services: Record<string, SrvRecord[]> = {},
): NameLookup & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    addresses: async (host) => {
      asked.push(host);
      return addresses[host] ?? [];
    },
    services: async (name) => {
      asked.push(name);
      return services[name] ?? [];
    },
  };
}
