import { expect, test } from 'vitest';
import { createPeerTransport } from '../../server/src/federation/peer-transport.ts';
import { createServerDiscovery } from '../../server/src/federation/server-discovery.ts';
import { startLoopbackServer, tableLookup, testOutbound } from '../base/loopback-server.ts';
import { manualClock } from './manual-clock.ts';

const DESTINATION = 'evil.example';
const REQUEST = { path: '/_matrix/federation/v1/version', maxBytes: 100, deadlineMs: 60_000 };

/** A server on this machine, and a transport for which the peer's host delegates and its SRV records lead as told. */
async function scene({ delegate, target }: { delegate?: string; target?: string }) {
  const inside = await startLoopbackServer((_request, response) => response.end('{}'), 'localhost');
  const srv = target === undefined ? [] : [{ name: target, port: inside.port, priority: 1, weight: 1 }];
  const addresses = { localhost: ['127.0.0.1'], 'inside.example': ['127.0.0.1', '::1'] };
  const names = tableLookup(addresses, { [`_matrix-fed._tcp.${DESTINATION}`]: srv });
  const clock = manualClock();
  const wellKnown = async () => delegate?.replace('PORT', String(inside.port));
  const discover = createServerDiscovery({ names, clock, random: () => 0, wellKnown });
  return { inside, transport: createPeerTransport({ http: await testOutbound({ names }), discover, clock }) };
}

test('this machine is reached by servers that are named after it', async () => {
  const { inside, transport } = await scene({});
  expect((await transport.request(`localhost:${inside.port}`, REQUEST)).status).toBe(200);
});

test.each([
  'localhost:PORT',
  '127.0.0.1:PORT',
  '[::1]:PORT',
  '[::ffff:127.0.0.1]:PORT',
  '0.0.0.0:PORT',
  'inside.example:PORT',
  '10.0.0.1',
  '169.254.169.254:80',
])('A5.1 a server that delegates to %s is not reached', async (delegate) => {
  const { inside, transport } = await scene({ delegate });
  await expect(transport.request(DESTINATION, REQUEST)).rejects.toMatchObject({ kind: 'address_refused' });
  expect(inside.connections()).toBe(0);
});

test.each(['localhost', '127.0.0.1', 'inside.example'])(
  'A5.1 a server whose SRV record names %s is not reached',
  async (target) => {
    const { inside, transport } = await scene({ target });
    await expect(transport.request(DESTINATION, REQUEST)).rejects.toMatchObject({ kind: 'address_refused' });
    expect(inside.connections()).toBe(0);
  },
);
