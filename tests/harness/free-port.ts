import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

// Below what Linux, macOS and Windows hand out for outgoing connections and for `listen(0)`: nobody gets one of these by accident
// between now and when it is used.
const FIRST = 20_000;
const LAST = 32_767;
const ATTEMPTS = 50;

/** A port that nothing listens on. */
export async function freePort(): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const server = createServer();
    try {
      const port = randomInt(FIRST, LAST + 1);
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      server.close();
      await once(server, 'close');
      return port;
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}
