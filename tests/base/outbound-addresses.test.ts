import { expect, test } from 'vitest';
import { isPublicAddress } from '../../server/src/base/address-policy.ts';
import { startLoopbackServer, tableLookup, testOutbound } from './loopback-server.ts';

/** Spellings of addresses inside; each is tried as the host of a URL. */
const INSIDE = [
  // Loopback, in every spelling that a URL parser or a resolver may read as 127.0.0.1.
  ...['127.0.0.1', '127.1', '127.0.1', '127.255.255.254', '2130706433', '017700000001', '0x7f000001', '0x7f.1'],
  ...[
    '0177.0.0.1',
    '0x7f.0x0.0x0.0x1',
    '127.0.0.1.',
    '①②⑦.⓪.⓪.①',
    '127。0。0。1',
    '%31%32%37.0.0.1',
    '127.000.000.001',
  ],
  // "This host" and broadcast.
  ...['0.0.0.0', '0', '0x0', '0.1.2.3', '255.255.255.255'],
  // Private, shared, link-local with the metadata services of clouds, benchmarking, documentation, multicast, reserved.
  ...['10.0.0.1', '10.255.255.255', '0xa.1', '012.0.0.1', '167772161', '172.16.0.1', '172.31.255.255', '192.168.0.1'],
  ...['0xc0a80001', '3232235521', '100.64.0.1', '100.127.255.255', '169.254.169.254', '0xa9fea9fe', '2852039166'],
  ...['192.0.0.1', '192.0.0.170', '192.0.2.1', '192.88.99.1', '198.18.0.1', '198.19.255.255', '198.51.100.7'],
  ...['203.0.113.1', '224.0.0.1', '239.255.255.250', '240.0.0.1'],
  // The same in IPv6: unspecified, loopback, unique local, link-local, site-local, multicast, documentation.
  ...['[::]', '[::1]', '[0:0:0:0:0:0:0:1]', '[::0001]', '[fc00::1]', '[fd12:3456::1]', '[fe80::1]', '[febf::1]'],
  ...['[fec0::1]', '[ff02::1]', '[2001:db8::1]', '[3fff::1]', '[100::1]'],
  // IPv4 inside IPv6: mapped, compatible, translated, NAT64, 6to4, Teredo.
  ...['[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::ffff:a00:1]', '[::127.0.0.1]', '[::ffff:0:127.0.0.1]'],
  ...['[64:ff9b::7f00:1]', '[64:ff9b::169.254.169.254]', '[64:ff9b:1::a00:1]', '[2002:7f00:1::]', '[2002:a00:1::1]'],
  ...['[2001::1]', '[2001:0:7f00:1::]', '[2001:10::1]'],
];

test('A5.1 the table covers at least 60 spellings', () => {
  expect(new Set(INSIDE).size).toBeGreaterThanOrEqual(60);
});

test.each(INSIDE)('A5.1 http://%s/ is refused without a connection', async (host) => {
  const names = tableLookup({ '127.0.0.1.': ['127.0.0.1'] });
  const http = await testOutbound({ privateAddresses: 'refuse', names });
  const request = http.request({ to: `http://${host}:1/`, maxBytes: 1, deadlineMs: 60_000 });
  await expect(request).rejects.toMatchObject({ kind: 'address_refused' });
});

test.each(INSIDE.filter((host) => /^\[?[0-9a-f.:]+\]?$/.test(host) && host.includes('.') === !host.includes('[')))(
  'A5.1 a name that resolves to %s is refused',
  async (host) => {
    const address = host.replace(/[[\]]/g, '');
    const http = await testOutbound({
      privateAddresses: 'refuse',
      names: tableLookup({ 'inside.example': [address] }),
    });
    const request = http.request({ to: 'https://inside.example/', maxBytes: 1, deadlineMs: 60_000 });
    await expect(request).rejects.toMatchObject({ kind: 'address_refused' });
  },
);

test.each(['file:///etc/passwd', 'ftp://example.org/', 'gopher://127.0.0.1/', '//127.0.0.1/', 'http://', 'data:,x'])(
  'A5.1 %s is no URL that is fetched',
  async (url) => {
    const http = await testOutbound({ privateAddresses: 'allow' });
    const request = http.request({ to: url, maxBytes: 1, deadlineMs: 60_000 });
    await expect(request).rejects.toMatchObject({ kind: 'address_refused' });
  },
);

test('A5.1 a URL with credentials is refused', async () => {
  const http = await testOutbound({ privateAddresses: 'allow' });
  const request = http.request({ to: 'http://example.org@127.0.0.1/', maxBytes: 1, deadlineMs: 60_000 });
  await expect(request).rejects.toMatchObject({ kind: 'address_refused' });
});

test.each(['8.8.8.8', '1.1.1.1', '172.15.255.255', '172.32.0.1', '100.63.255.255', '100.128.0.1', '2606:4700::1111'])(
  '%s is a public address',
  (address) => {
    expect(isPublicAddress(address)).toBe(true);
  },
);

test('A5.1 of several resolved addresses only the allowed ones are connected to', async () => {
  const server = await startLoopbackServer((_request, response) => response.end('inside'));
  const names = tableLookup({ 'mixed.localhost': ['10.0.0.1', '127.0.0.1', 'fd00::1'] });
  const http = await testOutbound({ names });
  const answer = await http.request({ to: `http://mixed.localhost:${server.port}/`, maxBytes: 10, deadlineMs: 60_000 });
  expect(answer.body.toString()).toBe('inside');
});

test('A5.1 a name is looked up once per connection, so rebinding between check and connect gains nothing', async () => {
  const server = await startLoopbackServer((_request, response) => response.end('inside'));
  let lookups = 0;
  const names = {
    // Public when it is checked, inside when a second look-up would connect.
    addresses: async () => (lookups++ === 0 ? ['192.0.2.0.1', '203.0.113.9'] : ['127.0.0.1']),
    services: async () => [],
  };
  const http = await testOutbound({ privateAddresses: 'refuse', names });
  const request = http.request({ to: `http://rebind.example:${server.port}/`, maxBytes: 10, deadlineMs: 60_000 });
  await expect(request).rejects.toMatchObject({ kind: 'address_refused' });
  expect(lookups).toBe(1);
  expect(server.connections()).toBe(0);
});

test('A5.1 a later connection of the same host is checked again', async () => {
  const server = await startLoopbackServer((_request, response) => response.end('inside'));
  const answers = [['127.0.0.1'], ['10.0.0.1']];
  const names = { addresses: async () => answers.shift() ?? [], services: async () => [] };
  const http = await testOutbound({ names });
  const request = () =>
    http.request({
      to: `http://x.localhost:${server.port}/`,
      maxBytes: 10,
      deadlineMs: 60_000,
      headers: { connection: 'close' },
    });
  await request();
  await expect(request()).rejects.toMatchObject({ kind: 'address_refused' });
});

test.each(['10.0.0.1', '169.254.169.254', '[::ffff:127.0.0.1]', '0.0.0.0', 'inside.example'])(
  'A5.1 a redirect to %s is refused',
  async (target) => {
    const outside = await startLoopbackServer((_request, response) =>
      response.writeHead(302, { location: `http://${target}:1/latest/meta-data` }).end(),
    );
    const names = tableLookup({ 'outside.localhost': ['127.0.0.1'], 'inside.example': ['127.0.0.1'] });
    const http = await testOutbound({ names });
    const to = `http://outside.localhost:${outside.port}/`;
    const request = http.request({ to, maxBytes: 10, deadlineMs: 60_000, maxRedirects: 1 });
    await expect(request).rejects.toMatchObject({ kind: 'address_refused' });
    expect(outside.connections()).toBe(1);
  },
);

test('A5.1 localhost may be reached only on behalf of localhost', async () => {
  const server = await startLoopbackServer((_request, response) => response.end('inside'));
  const http = await testOutbound();
  const to = {
    protocol: 'http:' as const,
    host: 'localhost',
    port: server.port,
    certificateName: 'localhost',
    hostHeader: 'localhost',
    path: '/',
  };
  const request = (requestedHost: string) =>
    http.request({ to: { ...to, requestedHost }, maxBytes: 10, deadlineMs: 60_000 });
  await expect(request('evil.example')).rejects.toMatchObject({ kind: 'address_refused' });
  expect((await request('localhost')).status).toBe(200);
});
