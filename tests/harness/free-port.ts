import { once } from 'node:events';
import { createServer } from 'node:net';

/** A port that nothing listens on. The system hands out others for a while, so it is still free when it is used. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
