import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';

const SERVER = fileURLToPath(new URL('../../server', import.meta.url));

/** A program in the place of npm that takes no notice of signals, as npm does while it unpacks. */
const BUSY_NPM = `
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
  setInterval(() => {}, 1000);
  const { renameSync, writeFileSync } = require('node:fs');
  writeFileSync('pid', String(process.pid));
  renameSync('pid', 'npm.pid');
`;

/** A checkout in which nothing is installed. */
async function newCheckout(): Promise<string> {
  const checkout = await mkdtemp(path.join(tmpdir(), 'parley-set-up-'));
  onTestFinished(() => rm(checkout, { recursive: true, force: true }));
  for (const file of ['start.mjs', 'set-up.mjs'])
    await cp(path.join(SERVER, file), path.join(checkout, 'server', file), { recursive: true });
  await writeFile(path.join(checkout, 'package-lock.json'), '{ "packages": {} }');
  await writeFile(path.join(checkout, 'npm.cjs'), BUSY_NPM);
  return checkout;
}

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s ends the set-up and what it has started, and leaves its lock to nobody',
  async (signal) => {
    const checkout = await newCheckout();
    const starting = spawn(process.execPath, ['server/start.mjs'], {
      cwd: checkout,
      env: { PATH: process.env.PATH, npm_execpath: path.join(checkout, 'npm.cjs') },
      stdio: 'ignore',
    });
    const ended = once(starting, 'exit');
    const npm = Number(await vi.waitFor(() => readFile(path.join(checkout, 'npm.pid'), 'utf8'), 150_000));
    try {
      starting.kill(signal);
      expect(await ended).toEqual([null, signal]);
      await vi.waitFor(() => expect(() => process.kill(npm, 0)).toThrow('ESRCH'), 150_000);
      expect(await readdir(path.join(checkout, '.cache'))).toEqual([]);
    } finally {
      try {
        process.kill(npm, 'SIGKILL');
      } catch {
        /* It has ended. */
      }
    }
  },
);
