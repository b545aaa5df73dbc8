import { expect, test } from 'vitest';
import type { SrvRecord } from '../../server/src/base/name-lookup.ts';
import type { OutboundHttp } from '../../server/src/base/outbound-http.ts';
import { createServerDiscovery, type ServerDiscovery } from '../../server/src/federation/server-discovery.ts';
import { createWellKnown } from '../../server/src/federation/well-known.ts';
import { startLoopbackServer, tableLookup, testOutbound } from '../base/loopback-server.ts';
import { manualClock } from './manual-clock.ts';

interface Scene {
  /** What `https://<host>/.well-known/matrix/server` answers, by host; no entry: nothing listens there. */
  wellKnown?: Record<string, string>;
  services?: Record<string, SrvRecord[]>;
  addresses?: Record<string, string[]>;
}

/** Sends what goes to port 443 of a host to the port on which the test plays the web server of that host. */
function web(http: OutboundHttp, ports: ReadonlyMap<string, number>): OutboundHttp {
  return {
    ...http,
    request: (request) => {
      const url = new URL(request.to as string);
      return http.request({ ...request, to: `https://${url.hostname}:${ports.get(url.hostname) ?? 1}${url.pathname}` });
    },
  };
}

async function discover(scene: Scene): Promise<{ discovery: ServerDiscovery; http: OutboundHttp }> {
  const hosts = ['hs.localhost', 'delegated.localhost', 'srv.localhost'];
  const addresses = { ...Object.fromEntries(hosts.map((host) => [host, ['127.0.0.1']])), ...scene.addresses };
  const names = tableLookup(addresses, scene.services);
  const http = await testOutbound({ names });
  const ports = new Map<string, number>();
  for (const [host, body] of Object.entries(scene.wellKnown ?? {}))
    ports.set(host, (await startLoopbackServer((_request, response) => response.end(body), host)).port);
  const clock = manualClock();
  const wellKnown = createWellKnown({ http: web(http, ports), clock, random: () => 0 });
  return { discovery: createServerDiscovery({ names, wellKnown, clock, random: () => 0.5 }), http };
}

function srv(name: string, port: number, priority = 10, weight = 5): SrvRecord {
  return { name, port, priority, weight };
}

const FED = '_matrix-fed._tcp.';
const OLD = '_matrix._tcp.';

/** Step of the spec, server name, scene, and what comes out: host:port, certificate name, Host header. */
const TABLE: [step: string, name: string, scene: Scene, host: string, port: number, cert: string, header: string][] = [
  ['1', '127.0.0.1', {}, '127.0.0.1', 8448, '127.0.0.1', '127.0.0.1'],
  ['1', '127.0.0.1:1234', {}, '127.0.0.1', 1234, '127.0.0.1', '127.0.0.1:1234'],
  ['1', '[::1]', {}, '::1', 8448, '::1', '[::1]'],
  ['1', '[::1]:1234', {}, '::1', 1234, '::1', '[::1]:1234'],
  ['2', 'hs.localhost:1234', {}, 'hs.localhost', 1234, 'hs.localhost', 'hs.localhost:1234'],
  [
    '2 (well-known is not asked when there is a port)',
    'hs.localhost:8448',
    { wellKnown: { 'hs.localhost': '{"m.server":"delegated.localhost:1"}' } },
    ...(['hs.localhost', 8448, 'hs.localhost', 'hs.localhost:8448'] as const),
  ],
  [
    '3.1',
    'hs.localhost',
    { wellKnown: { 'hs.localhost': '{"m.server":"127.0.0.1"}' } },
    ...(['127.0.0.1', 8448, '127.0.0.1', '127.0.0.1'] as const),
  ],
  [
    '3.1',
    'hs.localhost',
    { wellKnown: { 'hs.localhost': '{"m.server":"[::1]:99"}' } },
    ...(['::1', 99, '::1', '[::1]:99'] as const),
  ],
  [
    '3.2',
    'hs.localhost',
    { wellKnown: { 'hs.localhost': '{"m.server":"delegated.localhost:1234"}' } },
    ...(['delegated.localhost', 1234, 'delegated.localhost', 'delegated.localhost:1234'] as const),
  ],
  [
    '3.3',
    'hs.localhost',
    {
      wellKnown: { 'hs.localhost': '{"m.server":"delegated.localhost"}' },
      services: {
        [`${FED}delegated.localhost`]: [srv('srv.localhost', 77)],
        [`${OLD}delegated.localhost`]: [srv('srv.localhost', 78)],
      },
    },
    ...(['srv.localhost', 77, 'delegated.localhost', 'delegated.localhost'] as const),
  ],
  [
    '3.4',
    'hs.localhost',
    {
      wellKnown: { 'hs.localhost': '{"m.server":"delegated.localhost"}' },
      services: { [`${OLD}delegated.localhost`]: [srv('srv.localhost', 78)] },
    },
    ...(['srv.localhost', 78, 'delegated.localhost', 'delegated.localhost'] as const),
  ],
  [
    '3.5',
    'hs.localhost',
    {
      wellKnown: { 'hs.localhost': '{"m.server":"delegated.localhost"}' },
      services: { [`${FED}hs.localhost`]: [srv('srv.localhost', 79)] },
    },
    ...(['delegated.localhost', 8448, 'delegated.localhost', 'delegated.localhost'] as const),
  ],
  [
    '4',
    'hs.localhost',
    { services: { [`${FED}hs.localhost`]: [srv('srv.localhost', 77)], [`${OLD}hs.localhost`]: [srv('x', 78)] } },
    ...(['srv.localhost', 77, 'hs.localhost', 'hs.localhost'] as const),
  ],
  [
    '5',
    'hs.localhost',
    { services: { [`${OLD}hs.localhost`]: [srv('srv.localhost', 78)] } },
    ...(['srv.localhost', 78, 'hs.localhost', 'hs.localhost'] as const),
  ],
  ['6', 'hs.localhost', {}, 'hs.localhost', 8448, 'hs.localhost', 'hs.localhost'],
  ['6 (localhost itself)', 'localhost', {}, 'localhost', 8448, 'localhost', 'localhost'],
  ...['not json', '{}', '{"m.server":1}', '{"m.server":"bad name"}', '{"m.server":"https://x.localhost"}', '[]'].map(
    (body): (typeof TABLE)[number] => [
      `6 (well-known is ${body})`,
      'hs.localhost',
      { wellKnown: { 'hs.localhost': body } },
      ...(['hs.localhost', 8448, 'hs.localhost', 'hs.localhost'] as const),
    ],
  ),
];

test.each(TABLE)('step %s: %s', async (_step, name, scene, host, port, certificateName, hostHeader) => {
  const { discovery } = await discover(scene);
  const endpoint = { protocol: 'https:', host, port, certificateName, hostHeader };
  expect(await discovery(name)).toEqual([
    { ...endpoint, requestedHost: name.replace(/:\d+$/, '').replace(/[[\]]/g, '') },
  ]);
});

test.each(['hs.localhost:0', 'hs.localhost:65536', 'hs.localhost:99999', '127.0.0.1:70000', 'a b', '', '[::1'])(
  '%s leads nowhere',
  async (name) => {
    const { discovery } = await discover({});
    expect(await discovery(name)).toEqual([]);
  },
);

test('SRV records are tried by priority, and one that names no host leads nowhere', async () => {
  const { discovery } = await discover({
    services: {
      [`${FED}hs.localhost`]: [srv('c', 3, 30), srv('a', 1, 10), srv('b', 2, 20)],
      [`${FED}delegated.localhost`]: [srv('.', 0, 0, 0)],
    },
  });
  expect((await discovery('hs.localhost')).map(({ host, port }) => [host, port])).toEqual([
    ['a', 1],
    ['b', 2],
    ['c', 3],
  ]);
  expect(await discovery('delegated.localhost')).toEqual([]);
});

test('SRV records of one priority are tried more often first the heavier they are', async () => {
  const names = tableLookup({}, { [`${FED}hs.localhost`]: [srv('light', 1, 1, 1), srv('heavy', 2, 1, 9)] });
  let seed = 1;
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const clock = manualClock();
  const discovery = createServerDiscovery({ names, wellKnown: async () => undefined, clock, random });
  let heavyFirst = 0;
  for (let i = 0; i < 1000; i++) if ((await discovery('hs.localhost'))[0]?.host === 'heavy') heavyFirst++;
  expect(heavyFirst).toBeGreaterThan(850);
  expect(heavyFirst).toBeLessThan(950);
});

test('the server that SRV records name must have the certificate of the host that they belong to', async () => {
  const seen: unknown[] = [];
  const good = await startLoopbackServer((request, response) => {
    seen.push(request.headers.host);
    response.end('hello');
  }, 'hs.localhost');
  const thief = await startLoopbackServer((_request, response) => response.end('caught you'), 'srv.localhost');
  const { discovery, http } = await discover({
    services: { [`${FED}hs.localhost`]: [srv('srv.localhost', thief.port, 1), srv('srv.localhost', good.port, 2)] },
  });
  const [first, second] = await discovery('hs.localhost');
  if (first === undefined || second === undefined) throw new Error('two targets expected');
  const get = (to: typeof first) => http.request({ to: { ...to, path: '/' }, maxBytes: 100, deadlineMs: 60_000 });
  await expect(get(first)).rejects.toMatchObject({ kind: 'certificate' });
  expect((await get(second)).body.toString()).toBe('hello');
  expect(seen).toEqual(['hs.localhost']);
});
