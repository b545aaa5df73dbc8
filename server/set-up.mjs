// What a fresh clone needs before anything else can run. Plain JavaScript without dependencies, for the Node 20 that the
// machine may have.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CACHE = path.join(ROOT, '.cache');
const NODE_MAJOR = 24;
/** What ends a program from its terminal, or from whatever watches over it. */
export const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);

/** @param {string} message */
export function say(message) {
  process.stdout.write(`${message}\n`);
}

/**
 * Says what is being done, does it, and says how long it took.
 * @template T
 * @param {string} what
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(what, work) {
  say(`• ${what} …`);
  const start = performance.now();
  const result = await work();
  say(`  done in ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return result;
}

/** What is being set up was ended by a signal to us. */
class Interruption extends Error {
  /** @param {NodeJS.Signals} signal */
  constructor(signal) {
    super(`Ended by ${signal}`);
    this.signal = signal;
  }
}

/**
 * Runs a program with this terminal as its own.
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, endsWithUs?: boolean }} [options] `endsWithUs`: a signal to us kills it,
 *   where by itself it might go on for long (npm does) while the next start does the same work
 * @returns {Promise<number>} its exit code; 1 when a signal ended it
 */
export function run(program, args, { endsWithUs = false, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: ROOT, stdio: 'inherit', ...options });
    /** @type {NodeJS.Signals | undefined} */
    let interruptedBy;
    /** @param {NodeJS.Signals} signal */
    const interrupt = (signal) => {
      interruptedBy = signal;
      child.kill('SIGKILL');
    };
    if (endsWithUs) for (const signal of SIGNALS) process.on(signal, interrupt);
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      for (const each of SIGNALS) process.off(each, interrupt);
      if (interruptedBy !== undefined) reject(new Interruption(interruptedBy));
      else if (signal !== null) say(`${path.basename(args[0] ?? program)} was ended by ${signal}`);
      resolve(code ?? 1);
    });
  });
}

/** @param {string} file */
function readJson(file) {
  return JSON.parse(readFileSync(path.join(ROOT, file), 'utf8'));
}

/** Whether `node_modules` holds what the lock file says, by npm's own list of what it installed. */
export function isInstalled() {
  const list = 'node_modules/.package-lock.json';
  if (!existsSync(path.join(ROOT, list))) return false;
  const installed = readJson(list).packages;
  const locked = readJson('package-lock.json').packages;
  const same = Object.entries(locked).every(([name, entry]) => {
    if (!name.includes('node_modules/') || entry.link === true) return true;
    const found = installed[name];
    // Packages for other machines are locked too, and left out here.
    if (found === undefined) return entry.optional === true || entry.devOptional === true || entry.peer === true;
    return found.version === entry.version && found.integrity === entry.integrity;
  });
  return (
    same && Object.keys(installed).every((name) => locked[name] !== undefined || !name.startsWith('node_modules/'))
  );
}

async function install() {
  // npm says where it is when it started us; `npm` on the PATH may be a script for a shell.
  const { npm_execpath: npm, npm_node_execpath: node = process.execPath } = process.env;
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  const options = { endsWithUs: true };
  const code = npm === undefined ? await run('npm', args, options) : await run(node, [npm, ...args], options);
  if (code !== 0) throw new SetUpError('Installing the dependencies failed; npm says above why.');
}

/** A failure that the message explains; no stack needed. */
export class SetUpError extends Error {}

/** Node 24: this very process's if it is new enough, else the one among the dependencies. */
export function findNode() {
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) return process.execPath;
  const node = path.join(ROOT, `node_modules/node-${process.platform}-${process.arch}/bin/node`);
  if (existsSync(node)) return node;
  throw new SetUpError(
    `Parley needs Node ${NODE_MAJOR}. This is Node ${process.versions.node}, and there is no npm package with a newer one ` +
      `for ${process.platform}-${process.arch}. Install it from your system or from nodejs.org.`,
  );
}

/**
 * All files of a folder and of its folders, in a fixed order; a file itself; nothing for what is not there.
 * @param {string} entry relative to the root
 * @returns {string[]}
 */
function filesOf(entry) {
  const found = statSync(path.join(ROOT, entry), { throwIfNoEntry: false });
  if (found === undefined) return [];
  if (!found.isDirectory()) return [entry];
  const names = readdirSync(path.join(ROOT, entry)).sort();
  return names.flatMap((name) => filesOf(path.join(entry, name)));
}

/**
 * A name for the present state of files: changes when one is added, removed or edited.
 * @param {string[]} entries files and folders relative to the root
 */
function fingerprint(entries) {
  const hash = createHash('sha256');
  for (const file of entries.flatMap(filesOf))
    hash.update(`${file}\0`).update(
      createHash('sha256')
        .update(readFileSync(path.join(ROOT, file)))
        .digest(),
    );
  return hash.digest('hex');
}

const WEB_CLIENT = path.join(ROOT, 'client-web');
/** Holds the fingerprint of the sources that the web client was built from. */
const STAMP = path.join(CACHE, 'web-client-built-from');

function webClientSources() {
  const entries = readdirSync(WEB_CLIENT).filter((name) => name !== 'dist' && name !== 'node_modules');
  return fingerprint([...entries.sort().map((name) => path.join('client-web', name)), 'package-lock.json']);
}

function isWebClientBuilt() {
  if (!existsSync(path.join(WEB_CLIENT, 'dist/index.html')) || !existsSync(STAMP)) return false;
  return readFileSync(STAMP, 'utf8') === webClientSources();
}

/** @param {string} node */
async function buildWebClient(node) {
  const sources = webClientSources();
  rmSync(STAMP, { force: true });
  const vite = path.join(ROOT, 'node_modules/vite/bin/vite.js');
  const code = await run(node, [vite, 'build', '--logLevel', 'warn'], { cwd: WEB_CLIENT, endsWithUs: true });
  if (code !== 0) throw new SetUpError('Building the web client failed.');
  writeFileSync(STAMP, sources);
}

/** @param {unknown} error */
function codeOf(error) {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** @param {number} pid */
function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/**
 * Keeps a second start in the same checkout from installing or building at the same time.
 * @template T
 * @param {() => Promise<T>} work
 */
async function alone(work) {
  const lock = path.join(CACHE, 'set-up.pid');
  mkdirSync(CACHE, { recursive: true });
  for (let told = false; ; ) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    const owner = Number(readFileSync(lock, 'utf8').trim() || Number.NaN);
    if (Number.isInteger(owner) && !isRunning(owner)) rmSync(lock, { force: true });
    else if (!told) {
      say(`• Waiting for process ${owner}, which is setting up this checkout (${lock}) …`);
      told = true;
    }
    await delay(200);
  }
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

/**
 * Installs the dependencies and builds the web client where that is not done yet. Writes nothing where it is.
 * @returns {Promise<string>} the Node 24 to go on with
 */
export async function setUp() {
  if (isInstalled() && isWebClientBuilt()) return findNode();
  try {
    return await alone(async () => {
      if (!isInstalled()) await step('Installing the dependencies from the lock file', install);
      const node = findNode();
      if (!isWebClientBuilt()) await step('Building the web client', () => buildWebClient(node));
      return node;
    });
  } catch (error) {
    // All is tidied away: now we end as we were told to.
    if (error instanceof Interruption) process.kill(process.pid, error.signal);
    throw error;
  }
}
