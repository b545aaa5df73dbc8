import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { request } from 'undici';
import { freePort } from '../harness/free-port.ts';

const MAIN = fileURLToPath(new URL('../../server/src/main.ts', import.meta.url));
/** Where `npm start` keeps compiled modules too. */
const COMPILED = fileURLToPath(new URL('../../.cache/compiled', import.meta.url));
const START_TIMEOUT_MS = 300_000;
const STOP_TIMEOUT_MS = 60_000;

export interface ServerProcessOptions {
  /** Folder for the configuration, the data and the log. */
  readonly folder: string;
  /** Settings as in the YAML file, on top of what all tests have: free ports, open registration, no rate limits. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** A homeserver in a process of its own, that can be killed and started again on the same ports and data. */
export interface ServerProcess {
  /** Base URL of the client API. */
  readonly url: string;
  /** `localhost:<federation port>`, unless it was set. */
  readonly serverName: string;
  /** Process id of the running server. */
  pid(): number;
  /** Milliseconds from the start of the process to its first answer. */
  start(): Promise<number>;
  /** Ends it with SIGKILL: nothing it holds in memory survives. */
  kill(): Promise<void>;
  /** Ends it in good order. */
  stop(): Promise<void>;
  readonly isRunning: boolean;
}

async function answers(url: string): Promise<boolean> {
  try {
    const { statusCode, body } = await request(`${url}/_matrix/client/versions`, { signal: AbortSignal.timeout(2000) });
    await body.dump();
    return statusCode === 200;
  } catch {
    return false; // Not listening yet.
  }
}

/** Prepares a server without starting it. */
export async function createServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const { folder } = options;
  await mkdir(folder, { recursive: true, mode: 0o711 });
  const [port, federationPort] = [await freePort(), await freePort()];
  const settings: Record<string, unknown> = {
    server_name: `localhost:${federationPort}`,
    port,
    federation_port: federationPort,
    data: path.join(folder, 'data'),
    registration: 'open',
    rate_limits: 'off',
    log: { level: 'warn', format: 'json' },
    ...options.settings,
  };
  const config = path.join(folder, 'parley.yaml');
  // JSON is YAML.
  await writeFile(config, JSON.stringify(settings, null, 2), { mode: 0o600 });
  const url = `http://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;

  function running(): ChildProcess {
    if (child === undefined) throw new Error('the server is not running');
    return child;
  }

  async function end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const ending = running();
    child = undefined;
    if (ending.exitCode !== null || ending.signalCode !== null) return;
    const exited = once(ending, 'exit');
    ending.kill(signal);
    const forced = setTimeout(() => ending.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(forced);
  }

  return {
    url,
    serverName: String(settings.server_name),
    get isRunning() {
      return child !== undefined && child.exitCode === null && child.signalCode === null;
    },
    pid: () => running().pid ?? 0,
    async start() {
      const started = performance.now();
      const starting = spawn(process.execPath, [MAIN, '--config', config], {
        cwd: folder,
        env: { PATH: process.env.PATH, HOME: process.env.HOME, NODE_NO_WARNINGS: '1', NODE_COMPILE_CACHE: COMPILED },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      child = starting;
      // Nothing that a failing run has started may outlive it.
      const onExit = () => starting.kill('SIGKILL');
      process.once('exit', onExit);
      starting.once('exit', () => process.off('exit', onExit));
      const log = createWriteStream(path.join(folder, 'log'), { flags: 'a' });
      starting.stdout.pipe(log, { end: false });
      starting.stderr.pipe(log, { end: false });
      starting.once('close', () => log.end());
      while (!(await answers(url))) {
        if (starting.exitCode !== null || starting.signalCode !== null)
          throw new Error(`the server ended instead of starting; see ${path.join(folder, 'log')}`);
        if (performance.now() - started > START_TIMEOUT_MS) throw new Error('the server did not start');
        await delay(10);
      }
      return performance.now() - started;
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  };
}
