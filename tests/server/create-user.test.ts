import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { startHomeserver } from '../harness/homeserver.ts';

const MAIN = fileURLToPath(new URL('../../server/src/main.ts', import.meta.url));
const server = await startHomeserver({ settings: { registration: 'closed' } });
const folder = await mkdtemp(path.join(tmpdir(), 'parley-create-user-'));
afterAll(() => rm(folder, { recursive: true }));

async function createUser(args: readonly string[], input = '') {
  const env = { PATH: process.env.PATH, PARLEY_DATABASE_URL: server.databaseUrl };
  const all = ['create-user', ...args, '--server-name', server.serverName, '--data', folder];
  const child = spawn(process.execPath, [MAIN, ...all], { env });
  child.stdin.end(input);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const [code] = await once(child, 'close');
  return { code, output: output.trim() };
}

async function signIn(user: string, password: string) {
  const body = JSON.stringify({ type: 'm.login.password', identifier: { type: 'm.id.user', user }, password });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${server.baseUrl}/_matrix/client/v3/login`, { method: 'POST', headers, body });
  return { status: answer.status, body: (await answer.json()) as { access_token: string } };
}

async function isAdministrator(token: string): Promise<boolean> {
  const headers = { authorization: `Bearer ${token}` };
  return (await fetch(`${server.baseUrl}/_synapse/admin/v1/registration_tokens`, { headers })).status === 200;
}

test('an account is made with a password from standard input, though registration is closed', async () => {
  const userId = `@dora:${server.serverName}`;
  expect(await createUser(['dora'], 'a good password\n')).toEqual({ code: 0, output: userId });
  const { status, body } = await signIn('dora', 'a good password');
  expect(status).toBe(200);
  expect(await isAdministrator(body.access_token)).toBe(false);
  expect(await createUser(['Dora'], 'another password\n')).toEqual({ code: 1, output: 'This username is taken.' });
});

test('an administrator is made with a password from a private file', async () => {
  const file = path.join(folder, 'password');
  await writeFile(file, 'from the file\n', { mode: 0o600 });
  expect(await createUser(['root', '--admin', '--password-file', file])).toMatchObject({ code: 0 });
  expect(await isAdministrator((await signIn('root', 'from the file')).body.access_token)).toBe(true);
});

test.each([
  ['a password in an argument', ['eve', '--password', 'a good password'], 2, /--password is not an option/],
  ['no name', ['--admin'], 2, /^Usage/],
  ['a password that is too short', ['eve'], 1, /at least 8 characters/],
  ['a name that cannot be one', ['e v e'], 1, /may only have/],
  ['a file that is not there', ['eve', '--password-file', '/nowhere'], 1, /cannot be read/],
])('%s is refused', async (_what, args, code, output) => {
  const input = args.includes('e v e') ? 'a good password' : 'short';
  const answer = await createUser(args, input);
  expect(answer.output).toMatch(output);
  expect(answer.code).toBe(code);
});
