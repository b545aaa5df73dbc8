import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test, vi } from 'vitest';
import { isInstalled } from '../../server/set-up.mjs';
import { freePort } from '../harness/free-port.ts';
import { spawnHomeserver, startHomeserver } from '../harness/homeserver.ts';
import { createTestDatabase, testDatabase } from '../harness/test-database.ts';

const MAIN = fileURLToPath(new URL('../../server/src/main.ts', import.meta.url));
const START = fileURLToPath(new URL('../../server/start.mjs', import.meta.url));
const folder = await mkdtemp(path.join(tmpdir(), 'parley-serve-'));
await chmod(folder, 0o711);
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs the program until it ends; `until` is a line after which it gets the signal. */
async function serve(args: readonly string[], stop?: { until: RegExp; signal: NodeJS.Signals }, program = MAIN) {
  const child = spawn(process.execPath, [program, ...args], { env: { PATH: process.env.PATH } });
  let output = '';
  let isTold = false;
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (isTold || stop?.until.test(output) !== true) return;
      isTold = child.kill(stop.signal);
    });
  const [code] = (await once(child, 'exit')) as [number | null];
  return { code, output };
}

test('a server says when it is ready, and ends cleanly on SIGTERM with nothing left behind', async () => {
  const server = await spawnHomeserver();
  expect((await fetch(`${server.baseUrl}/_matrix/client/unknown`)).status).toBe(404);
  expect(await server.kill('SIGTERM')).toBe(0);
  expect(server.output.at(-1)).toContain('Parley has stopped');
  await expect(fetch(server.baseUrl)).rejects.toThrow();
});

test('Ctrl-C also stops the embedded Postgres, and the next start finds its data again', async () => {
  const ports = ['--port', String(await freePort()), '--federation-port', String(await freePort())];
  const args = ['--data', path.join(folder, 'with spaces'), '--server-name', 'localhost:1', ...ports];
  for (const _start of ['first', 'second']) {
    const { code, output } = await serve(args, { until: /is ready/, signal: 'SIGINT' });
    expect(output).toContain('Parley has stopped');
    expect(output).not.toContain('killed Parley');
    expect(code).toBe(0);
  }
});

test('what npm start runs sets up once, then starts within seconds, and passes signals and exit codes on', async (context) => {
  // It would be installed while other tests run.
  context.skip(!isInstalled(), 'what is installed is not what the lock file says');
  const ports = ['--port', String(await freePort()), '--federation-port', String(await freePort())];
  const args = ['--data', path.join(folder, 'npm-start'), ...ports];
  const stop = { until: /is ready/, signal: 'SIGTERM' } as const;
  expect((await serve(args, stop, START)).code).toBe(0);
  const begun = performance.now();
  const again = await serve(args, stop, START);
  console.log(`second start and stop: ${Math.round(performance.now() - begun)} ms`);
  expect(again.output).not.toContain('•');
  expect((await serve(['--prot', '1'], undefined, START)).code).toBe(2);
}, 300_000);

test('Ctrl-C while the database is being created ends without a complaint, and leaves nothing unfinished', async () => {
  const data = path.join(folder, 'stopped early');
  const ports = ['--port', String(await freePort()), '--federation-port', String(await freePort())];
  const env = { PATH: process.env.PATH };
  const child = spawn(process.execPath, [MAIN, '--data', data, ...ports], { env, detached: true });
  const ended = once(child, 'close');
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const names = () => readdir(path.join(data, 'postgres')).catch(() => []);
  await expect.poll(names, { interval: 1 }).toContainEqual(expect.stringContaining('cluster'));
  // A terminal tells the programs that Parley has started, too.
  process.kill(-(child.pid ?? Number.NaN), 'SIGINT');
  expect(await ended).toEqual([0, null]);
  expect(output).toMatch(/Stopping on SIGINT\n.*Parley has stopped\n$/);
  expect(await names()).not.toContainEqual(expect.stringContaining('unfinished'));
});

test('while the embedded Postgres is away requests are answered with 503, and soon after as before', async () => {
  const port = String(await freePort());
  const data = path.join(folder, 'away');
  const args = ['--data', data, '--port', port, '--federation-port', String(await freePort())];
  const child = spawn(process.execPath, [MAIN, ...args], { env: { PATH: process.env.PATH }, stdio: 'ignore' });
  const ended = once(child, 'exit');
  const available = async () =>
    await fetch(`http://127.0.0.1:${port}/_matrix/client/v3/register/available?username=someone`);
  const pidFile = path.join(data, 'postgres/cluster/postmaster.pid');
  try {
    // As soon as it serves anybody, nothing that was still to be done may fail for good.
    await vi.waitFor(async () => expect((await available()).status).toBe(200), { timeout: 150_000, interval: 1 });
    process.kill(Number((await readFile(pidFile, 'utf8')).split('\n')[0]), 'SIGKILL');
    // Backends serve their connections until they notice.
    const away = await vi.waitUntil(
      async () => {
        const answer = await available();
        return answer.status === 200 ? undefined : answer;
      },
      { timeout: 150_000, interval: 1 },
    );
    expect([away.status, ((await away.json()) as { errcode: string }).errcode]).toEqual([503, 'M_UNKNOWN']);
    expect(Number(away.headers.get('retry-after'))).toBeGreaterThan(0);
    await vi.waitFor(async () => expect((await available()).status).toBe(200), 150_000);
    expect(child.exitCode).toBe(null);
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
});

test('the running server is what the file, the variables and the options together say', async () => {
  const { url } = await createTestDatabase();
  const file = path.join(folder, 'parley.yaml');
  const secret = path.join(folder, 'database-url');
  await writeFile(secret, `${url}\n`, { mode: 0o600 });
  const port = await freePort();
  const yaml = {
    port: 1,
    registration: 'open',
    public_baseurl: 'https://chat.example.org',
    database_url_file: 'database-url',
    media: { max_upload_bytes: 12_345 },
    log: { format: 'json' },
    rate_limits: 'off',
  };
  await writeFile(file, JSON.stringify(yaml), { mode: 0o600 });
  const args = ['--config', file, '--port', String(port), '--federation-port', String(await freePort())];
  const child = spawn(process.execPath, [MAIN, ...args, '--data', path.join(folder, 'configured')], {
    env: { PATH: process.env.PATH, PARLEY_REGISTRATION: 'closed', PARLEY_SERVER_NAME: 'localhost:4' },
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  try {
    await vi.waitFor(() => expect(output).toContain('Parley is ready at https://chat.example.org/'), 150_000);
    for (const line of output.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('msg');
    const base = `http://127.0.0.1:${port}`;
    const wellKnown = await (await fetch(`${base}/.well-known/matrix/client`)).json();
    expect(wellKnown).toMatchObject({ 'm.homeserver': { base_url: 'https://chat.example.org' } });
    const body = JSON.stringify({ username: 'a', password: 'a good password', auth: { type: 'm.login.dummy' } });
    const headers = { 'content-type': 'application/json' };
    const refused = await fetch(`${base}/_matrix/client/v3/register`, { method: 'POST', headers, body });
    expect([refused.status, await refused.json()]).toMatchObject([403, { errcode: 'M_FORBIDDEN' }]);
  } finally {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }
});

test('a new server prints a link that makes the first administrator, once', async () => {
  const server = await spawnHomeserver();
  const token = await vi.waitFor(() => {
    const found = /#\/setup\?token=(\S+)/.exec(server.output.join('\n'))?.[1];
    if (found === undefined) throw new Error('no link yet');
    return found;
  }, 150_000);
  const complete = async (username: string) => {
    const body = JSON.stringify({ token, username, password: 'a very long password' });
    const headers = { 'content-type': 'application/json' };
    return await fetch(`${server.baseUrl}/_parley/setup`, { method: 'POST', headers, body });
  };
  expect((await complete('admin')).status).toBe(200);
  expect((await complete('other')).status).toBe(403);
  await server.stop();
  const settings = { server_name: server.serverName };
  const again = await spawnHomeserver({ databaseUrl: server.databaseUrl, settings });
  await again.stop();
  expect(again.output.join('\n')).not.toContain('setup?token');
});

test('a server without a certificate serves federation beside the clients, for a reverse proxy', async () => {
  const { baseUrl } = await startHomeserver({ settings: { server_name: 'example.org' } });
  const keys = (await (await fetch(`${baseUrl}/_matrix/key/v2/server`)).json()) as { server_name: string };
  expect(keys.server_name).toBe('example.org');
});

test('a mistake in the options ends with code 2 and says what is meant', async () => {
  const { code, output } = await serve(['--prot', '1']);
  expect([code, output]).toEqual([2, '--prot is not an option. Did you mean --port?\n']);
});

test('--help lists every setting', async () => {
  const { code, output } = await serve(['--help']);
  expect(code).toBe(0);
  expect(output).toContain('--server-name, PARLEY_SERVER_NAME\n      server_name:');
  expect(output).toContain('PARLEY_REGISTRATION_SHARED_SECRET[_FILE]');
});

test('a port that is taken ends with code 1, and says which it is and how to choose another', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const port = String((taken.address() as { port: number }).port);
  const server = spawnHomeserver({ settings: { port } });
  await expect(server).rejects.toThrow(`Port ${port} is taken by another program. Choose another one with --port.`);
  await expect(server).rejects.not.toThrow('    at ');
  taken.close();
});

test('a database that belongs to another server name is refused', async () => {
  const { url, drop } = await createTestDatabase();
  const first = await spawnHomeserver({ databaseUrl: url });
  await first.stop();
  await expect(spawnHomeserver({ databaseUrl: url, settings: { server_name: 'localhost:2' } })).rejects.toThrow(
    `belongs to the server ${first.serverName}`,
  );
  await drop();
});

test('a database that may lose acknowledged messages is refused', async () => {
  const db = await testDatabase();
  const name = /\/\/\/([^?]+)/.exec(db.url)?.[1] ?? '';
  await db.query(`ALTER DATABASE ${name} SET synchronous_commit = off`);
  await expect(spawnHomeserver({ databaseUrl: db.url })).rejects.toThrow('synchronous_commit = off');
});

test('two servers on one machine share nothing but the machine', async () => {
  const [alpha, beta] = await Promise.all([spawnHomeserver(), spawnHomeserver()]);
  expect(alpha.serverName).not.toBe(beta.serverName);
  await alpha.stop();
  expect((await fetch(`${beta.baseUrl}/_matrix/client/unknown`)).status).toBe(404);
});
