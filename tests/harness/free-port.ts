import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

// Below what Linux, macOS and Windows hand out for outgoing connections and for `listen(0)`: nobody gets one of these by accident
// between now and when it is used.
const FIRST = 20_000;
const LAST = 32_767;
const ATTEMPTS = 50;
/** Test files that run side by side have ports of their own: whoever has one need not listen yet, or for a while. */
const LANES = 32;

/** Ports that this process has tried. A name with the port of an earlier server would be that one to whoever has known it. */
const tried = new Set<number>();

/** A port that nothing listens on, and that is given to nobody else. */
export async function freePort(): Promise<number> {
  const lane = Number(process.env.VITEST_POOL_ID ?? 0) % LANES;
  for (let attempt = 1; ; attempt++) {
    const port = FIRST + lane + LANES * randomInt(Math.floor((LAST - FIRST - lane) / LANES) + 1);
    if (tried.has(port) && attempt < ATTEMPTS) continue;
    tried.add(port);
    const server = createServer();
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      server.close();
      await once(server, 'close');
      return port;
    } catch (error) {
      if (attempt >= ATTEMPTS) throw error;
    }
  }
}
