import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

// Below what Linux, macOS and Windows hand out for outgoing connections and for `listen(0)`: nobody gets one of these by accident
// between now and when it is used. The upper half are marks: see below.
const FIRST = 20_000;
const COUNT = 6_384;
const ATTEMPTS = 50;

async function listenOn(port: number): Promise<Server> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/**
 * A port that nothing listens on, and that is given to nobody else as long as this process runs: whoever has one need not listen
 * yet, or for a while, and a name with the port of an earlier server would be that one to whoever has known it. What says that it
 * is given away is a port that belongs to it and that this process keeps, so other processes see it too.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const port = FIRST + randomInt(COUNT);
    try {
      (await listenOn(port + COUNT)).unref();
      const server = await listenOn(port);
      server.close();
      await once(server, 'close');
      return port;
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}
