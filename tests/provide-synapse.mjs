// Where the Synapse for the interoperability tests is, and how it gets there. Plain JavaScript without dependencies, for the
// Node 20 that the machine may have.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { say, step } from '../server/set-up.mjs';

const VERSION = '1.163.2';
/** How long the installation may take in all. */
const LIMIT_MS = 240_000;

const CACHE = process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache');
/** A Python virtual environment, outside the checkout so that all checkouts share it. */
const FOLDER = path.join(CACHE, 'parley-tests', `synapse-${VERSION}`);

/**
 * The Python program that can import Synapse: the one named by PARLEY_TEST_SYNAPSE, else that of the cached environment.
 * @returns {string | undefined} undefined where there is none
 */
export function findSynapse() {
  if (process.env.PARLEY_TEST_SYNAPSE) return process.env.PARLEY_TEST_SYNAPSE;
  return existsSync(FOLDER) ? path.join(FOLDER, 'bin/python') : undefined;
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {number} deadline in milliseconds of `performance.now()`; the program and its children are killed then
 * @returns {Promise<string | undefined>} why it failed, undefined where it did not
 */
function attempt(program, args, deadline) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
    let errors = '';
    let isLate = false;
    child.stderr.on('data', (data) => {
      errors = (errors + data).slice(-2000);
    });
    const timer = setTimeout(() => {
      isLate = true;
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, deadline - performance.now());
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve(error.message);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      if (isLate) resolve(`it took more than ${LIMIT_MS / 60_000} minutes`);
      else resolve(code === 0 ? undefined : errors.trim().split('\n').at(-1) || `exit code ${code}`);
    });
  });
}

/** @returns {Promise<string | undefined>} why it failed, undefined where it did not */
async function install() {
  mkdirSync(path.dirname(FOLDER), { recursive: true });
  // It gets its name when it is complete; Python finds its packages beside the program that is started.
  const folder = mkdtempSync(`${FOLDER}-`);
  const deadline = performance.now() + LIMIT_MS;
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--prefer-binary', '--retries', '1'];
  const failure =
    (await attempt('python3', ['-m', 'venv', folder], deadline)) ??
    (await attempt(path.join(folder, 'bin/python'), [...pip, `matrix-synapse==${VERSION}`], deadline));
  try {
    if (failure === undefined) renameSync(folder, FOLDER);
  } catch (error) {
    // Another checkout has been faster.
    if (!existsSync(FOLDER)) throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return failure;
}

/** Installs Synapse where it is missing; says so and goes on without it where that cannot be done. */
export async function provideSynapse() {
  if (findSynapse() !== undefined) return;
  if (spawnSync('python3', ['--version'], { stdio: 'ignore' }).status !== 0) {
    say('• There is no Python 3: the tests with a Synapse are skipped.');
    return;
  }
  await step('Installing Synapse for the interoperability tests', async () => {
    const failure = await install();
    if (failure !== undefined) say(`  Synapse could not be installed: the tests with it are skipped.\n  ${failure}`);
  });
}
