import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { startLoopbackServer, tableLookup, testOutbound } from './loopback-server.ts';

const MiB = 1024 * 1024;

function drip(response: ServerResponse): void {
  response.writeHead(200);
  const timer = setInterval(() => response.write('x'), 50);
  response.on('close', () => clearInterval(timer));
}

test('answers status, headers and body whatever the status is', async () => {
  const server = await startLoopbackServer((_request, response) =>
    response
      .writeHead(418, [
        ['X-Tea', 'green'],
        ['x-tea', 'black'],
      ])
      .end('no coffee'),
  );
  const http = await testOutbound();
  const answer = await http.request({ to: `http://127.0.0.1:${server.port}/`, maxBytes: 100, deadlineMs: 60_000 });
  expect(answer.status).toBe(418);
  expect(answer.headers.get('x-tea')).toBe('green, black');
  expect(answer.body.toString()).toBe('no coffee');
});

test('sends the request target of an endpoint exactly as given', async () => {
  const seen: unknown[] = [];
  const server = await startLoopbackServer((request, response) => {
    seen.push(request.url, request.headers.host, request.method);
    request.resume().on('end', () => response.end());
  });
  const http = await testOutbound();
  await http.request({
    to: {
      protocol: 'http:',
      host: '127.0.0.1',
      port: server.port,
      certificateName: 'x.localhost',
      hostHeader: 'Some.localhost:1234',
      requestedHost: 'x.localhost',
      path: '/a/%21b%2F..%2fc?x=%40y&z=',
    },
    method: 'PUT',
    body: '{}',
    maxBytes: 10,
    deadlineMs: 60_000,
  });
  expect(seen).toEqual(['/a/%21b%2F..%2fc?x=%40y&z=', 'Some.localhost:1234', 'PUT']);
});

test('A5.3 a body over the limit fails, whether it is announced or not', async () => {
  const server = await startLoopbackServer((request, response) => {
    if (request.url === '/announced') response.setHeader('content-length', 2 * MiB);
    response.end(Buffer.alloc(2 * MiB));
  });
  const http = await testOutbound();
  for (const path of ['/announced', '/chunked']) {
    const request = http.request({ to: `http://127.0.0.1:${server.port}${path}`, maxBytes: MiB, deadlineMs: 60_000 });
    await expect(request).rejects.toMatchObject({ kind: 'too_large' });
  }
});

for (const [what, before, endless] of [
  ['a status text', 'HTTP/1.1 200 ', 'O'],
  ['chunk extensions', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;', 'x'],
  ['early answers', '', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
  ['framing of chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', `1;${'x'.repeat(2_000)}\r\nx\r\n`],
] as const)
  test.for([undefined, 'localhost'])(
    `A5.3 ${what} without end fail by their number of bytes, long before the deadline`,
    async (tlsName) => {
      let sent = 0;
      const server = await startLoopbackServer(({ socket }) => {
        const more = Buffer.from(endless.repeat((64 * 1024) / endless.length));
        const pour = () => {
          while (!socket.destroyed && socket.write(more)) sent += more.length;
        };
        socket.on('error', () => {}).on('drain', pour);
        socket.write(before);
        pour();
      }, tlsName);
      const http = await testOutbound();
      const to = `${tlsName === undefined ? 'http' : 'https'}://localhost:${server.port}/`;
      const request = http.request({ to, maxBytes: MiB, deadlineMs: 540_000 });
      await expect(request).rejects.toMatchObject({ kind: 'too_large' });
      expect(sent).toBeLessThan(20 * MiB);
    },
  );

test('a connection that is kept open brings one answer after the other, and together more than any may have', async () => {
  const server = await startLoopbackServer((_request, response) => void response.end(Buffer.alloc(MiB)));
  const http = await testOutbound({ connectionsPerHost: 1 });
  for (let n = 0; n < 5; n++) {
    const to = `http://127.0.0.1:${server.port}/`;
    expect((await http.request({ to, maxBytes: MiB, deadlineMs: 60_000 })).body.length).toBe(MiB);
  }
  expect(server.connections()).toBe(1);
});

test('A10.4 a small gzip body that unfolds to more than the limit fails', async () => {
  const bomb = gzipSync(Buffer.alloc(200 * MiB));
  const server = await startLoopbackServer((_request, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb),
  );
  const http = await testOutbound();
  const before = process.memoryUsage().rss;
  const request = http.request({ to: `http://127.0.0.1:${server.port}/`, maxBytes: MiB, deadlineMs: 60_000 });
  await expect(request).rejects.toMatchObject({ kind: 'too_large' });
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * MiB);
});

test('A10.4 unknown, stacked and broken content encodings are refused', async () => {
  const encodings = ['compress', 'gzip, gzip', 'gzip'];
  const server = await startLoopbackServer((_request, response) =>
    response.writeHead(200, { 'content-encoding': encodings.shift() }).end('this is not compressed'),
  );
  const http = await testOutbound();
  for (const _ of [1, 2, 3]) {
    const request = http.request({ to: `http://127.0.0.1:${server.port}/`, maxBytes: MiB, deadlineMs: 60_000 });
    await expect(request).rejects.toMatchObject({ kind: 'bad_answer' });
  }
});

test('a gzip body is unpacked', async () => {
  const server = await startLoopbackServer((_request, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('unpacked')),
  );
  const http = await testOutbound();
  const answer = await http.request({ to: `http://127.0.0.1:${server.port}/`, maxBytes: 100, deadlineMs: 60_000 });
  expect(answer.body.toString()).toBe('unpacked');
});

test('A5.3 the deadline is total: a body that drips a byte at a time fails when it passes', async () => {
  const server = await startLoopbackServer((_request, response) => drip(response));
  const http = await testOutbound();
  const request = http.request({ to: `http://127.0.0.1:${server.port}/`, maxBytes: MiB, deadlineMs: 400 });
  await expect(request).rejects.toMatchObject({ kind: 'timeout' });
});

test('A5.3 the deadline covers the wait for headers and all redirects', async () => {
  const server = await startLoopbackServer((request, response) => {
    if (request.url === '/silent') return;
    setTimeout(() => response.writeHead(302, { location: '/again' }).end(), 150);
  });
  const http = await testOutbound();
  for (const path of ['/silent', '/again']) {
    const to = `http://127.0.0.1:${server.port}${path}`;
    const request = http.request({ to, maxBytes: MiB, deadlineMs: 400, maxRedirects: 100 });
    await expect(request).rejects.toMatchObject({ kind: 'timeout' });
  }
});

test('A5.3 a stream that is read fails with the deadline too', async () => {
  const server = await startLoopbackServer((_request, response) => drip(response));
  const http = await testOutbound();
  const answer = await http.stream({ to: `http://127.0.0.1:${server.port}/`, maxBytes: MiB, deadlineMs: 2_000 });
  const read = (async () => {
    for await (const _ of answer.body);
  })();
  await expect(read).rejects.toMatchObject({ kind: 'timeout' });
});

test('the caller can give up', async () => {
  const server = await startLoopbackServer((_request, response) => drip(response));
  const http = await testOutbound();
  const controller = new AbortController();
  const to = `http://127.0.0.1:${server.port}/`;
  const request = http.request({ to, maxBytes: MiB, deadlineMs: 60_000, signal: controller.signal });
  setTimeout(() => controller.abort(), 100);
  await expect(request).rejects.toMatchObject({ kind: 'aborted' });
});

test('redirects are followed only up to the limit and only when asked for', async () => {
  const server = await startLoopbackServer((_request, response) => response.writeHead(302, { location: '/' }).end());
  const http = await testOutbound();
  const to = `http://127.0.0.1:${server.port}/`;
  await expect(http.request({ to, maxBytes: 10, deadlineMs: 60_000, maxRedirects: 3 })).rejects.toMatchObject({
    kind: 'redirects',
  });
  expect((await http.request({ to, maxBytes: 10, deadlineMs: 60_000 })).status).toBe(302);
});

test('a redirect never carries on credentials and never leads from https to http', async () => {
  const seen: unknown[] = [];
  const plain = await startLoopbackServer((_request, response) => response.end('plain'));
  const last = await startLoopbackServer((request, response) => {
    seen.push(request.headers.authorization);
    response.end('last');
  }, 'b.localhost');
  const first = await startLoopbackServer((request, response) => {
    seen.push(request.headers.authorization);
    const location = request.url === '/down' ? `http://127.0.0.1:${plain.port}/` : `https://b.localhost:${last.port}/`;
    response.writeHead(307, { location }).end();
  }, 'a.localhost');
  const http = await testOutbound();
  const get = (path: string) =>
    http.request({
      to: `https://a.localhost:${first.port}${path}`,
      headers: { authorization: 'secret' },
      maxBytes: 100,
      deadlineMs: 60_000,
      maxRedirects: 2,
    });
  expect((await get('/')).url).toBe(`https://b.localhost:${last.port}/`);
  expect(seen).toEqual(['secret', undefined]);
  await expect(get('/down')).rejects.toMatchObject({ kind: 'redirects' });
});

test('certificates are verified for the certificate name, not for the host that is connected to', async () => {
  const server = await startLoopbackServer((_request, response) => response.end('hello'), 'named.localhost');
  const http = await testOutbound({ names: tableLookup({ 'target.localhost': ['127.0.0.1'] }) });
  const get = (certificateName: string) =>
    http.request({
      to: {
        protocol: 'https:',
        host: 'target.localhost',
        port: server.port,
        certificateName,
        hostHeader: certificateName,
        requestedHost: certificateName,
        path: '/',
      },
      maxBytes: 10,
      deadlineMs: 60_000,
    });
  expect((await get('named.localhost')).body.toString()).toBe('hello');
  await expect(get('target.localhost')).rejects.toMatchObject({ kind: 'certificate' });
});

test('a certificate of an unknown authority is refused', async () => {
  const server = await startLoopbackServer((_request, response) => response.end('hello'), 'localhost');
  const http = await testOutbound({ extraCa: [] });
  const request = http.request({ to: `https://localhost:${server.port}/`, maxBytes: 10, deadlineMs: 60_000 });
  await expect(request).rejects.toMatchObject({ kind: 'certificate' });
});

test('a certificate for an address is accepted for that address', async () => {
  const server = await startLoopbackServer((_request, response) => response.end('hello'), '127.0.0.1');
  const http = await testOutbound();
  const answer = await http.request({ to: `https://127.0.0.1:${server.port}/`, maxBytes: 10, deadlineMs: 60_000 });
  expect(answer.body.toString()).toBe('hello');
  const other = http.request({ to: `https://localhost:${server.port}/`, maxBytes: 10, deadlineMs: 60_000 });
  await expect(other).rejects.toMatchObject({ kind: 'certificate' });
});

test('a name without addresses and a closed port say which of the two it was', async () => {
  const http = await testOutbound({ names: tableLookup({ 'closed.localhost': ['127.0.0.1'] }) });
  const get = (to: string) => http.request({ to, maxBytes: 10, deadlineMs: 60_000 });
  await expect(get('http://nowhere.localhost:1/')).rejects.toMatchObject({ kind: 'name' });
  await expect(get('http://closed.localhost:1/')).rejects.toMatchObject({ kind: 'connect' });
});

test.each(['99999999999999999999', 'a.999999999999', '2130706433', '0x7f000001', '1.2.3.4.5'])(
  'A5.1 the server name %s, which no URL may have as its host or which one takes for an address, is looked up as a name',
  async (host) => {
    const http = await testOutbound({ names: tableLookup({}) });
    const same = { host, certificateName: host, hostHeader: host, requestedHost: host };
    const to = { ...same, protocol: 'https:', port: 8448, path: '/' } as const;
    await expect(http.request({ to, maxBytes: 1, deadlineMs: 60_000 })).rejects.toMatchObject({ kind: 'name' });
  },
);

test('connections and waiting requests per host are capped', async () => {
  let open = 0;
  let most = 0;
  const waiting: ServerResponse[] = [];
  const server = await startLoopbackServer((_request, response) => {
    most = Math.max(most, ++open);
    waiting.push(response);
    response.on('close', () => open--);
    if (waiting.length === 2) for (const each of waiting) each.end();
    if (waiting.length > 2) response.end();
  });
  const http = await testOutbound({ connectionsPerHost: 2, requestsPerHost: 4 });
  const get = () => http.request({ to: `http://127.0.0.1:${server.port}/`, maxBytes: 10, deadlineMs: 60_000 });
  const four = [get(), get(), get(), get()];
  await expect(get()).rejects.toMatchObject({ kind: 'overloaded' });
  expect((await Promise.all(four)).map((answer) => answer.status)).toEqual([200, 200, 200, 200]);
  expect(most).toBe(2);
  expect((await get()).status).toBe(200);
});

test('only as many hosts as allowed are kept open', async () => {
  const server = await startLoopbackServer((_request, response) => response.end());
  const http = await testOutbound({ maxHosts: 2 });
  for (const name of ['a', 'b', 'c', 'a']) {
    const to = `http://${name}.localhost:${server.port}/`;
    expect((await http.request({ to, maxBytes: 10, deadlineMs: 60_000 })).status).toBe(200);
  }
  expect(server.connections()).toBe(4);
});
