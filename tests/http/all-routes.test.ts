import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { startHomeserver } from '../harness/homeserver.ts';

const server = await startHomeserver({ settings: { registration_shared_secret: 'a secret' } });
const port = Number(new URL(server.baseUrl).port);

/** A path of the route with something in each parameter, encoded as an id has to be. */
function pathOf(route: { path: string }): string {
  return route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(name.endsWith('Id') ? '!x:y' : 'x'),
  );
}

/** Sends a request line as it is, which an HTTP client would tidy up; answers status and errcode. */
function send(method: string, target: string, body?: string): Promise<{ status: number; errcode: string | undefined }> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? '' : `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(`${method} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${length}\r\n${body ?? ''}`);
    });
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.on('error', reject);
    socket.on('end', () =>
      resolve({
        status: Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]),
        errcode: /"errcode":"(\w+)"/.exec(answer)?.[1],
      }),
    );
  });
}

const UNKNOWN = { status: 404, errcode: 'M_UNRECOGNIZED' };

describe.each(server.routes.client.map((route) => [`${route.method} ${route.path}`, route] as const))(
  '%s',
  (_name, route) => {
    const path = pathOf(route);

    test('A8.5 is found at its path alone: with a prefix, a suffix or doubled slashes it is unknown', async () => {
      const targets = [
        `/x${path}`,
        `/_matrix${path}`,
        `${path}/x/y/z/x/y/z`,
        `/${path}`,
        path.replaceAll('/', '//'),
        `${path}//`,
        `/x/..${path}`,
        `/%2e%2e${path}`,
        path.replace('/', '/%2F'),
      ];
      for (const target of targets) expect([target, await send(route.method, target)]).toEqual([target, UNKNOWN]);
    });

    test('asks for an access token where it needs one, before anything else', async () => {
      const { status, errcode } = await send(route.method, path, '[');
      if (route.auth === 'access_token') expect([status, errcode]).toEqual([401, 'M_MISSING_TOKEN']);
      else expect(errcode).not.toBe('M_MISSING_TOKEN');
      expect(status).toBeLessThan(500);
    });

    test('answers a token that is none with 401', async () => {
      const { status, errcode } = await send(route.method, `${path}?access_token=nonsense`, '{}');
      if (route.auth === 'none') expect(errcode).not.toBe('M_UNKNOWN_TOKEN');
      else expect([status, errcode]).toEqual([401, 'M_UNKNOWN_TOKEN']);
    });
  },
);
