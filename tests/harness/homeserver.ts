import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';
import { type Clock, systemClock } from '../../server/src/base/clock.ts';
import { createLogger, type Logger } from '../../server/src/base/logger.ts';
import { loadConfig } from '../../server/src/config.ts';
import { variableOf } from '../../server/src/config-sources.ts';
import { createHomeserver, type Homeserver } from '../../server/src/homeserver.ts';
import { atEnd } from './at-end.ts';
import { freePort } from './free-port.ts';
import { createTestDatabase } from './test-database.ts';

const MAIN = fileURLToPath(new URL('../../server/src/main.ts', import.meta.url));

export interface HomeserverOptions {
  /** Settings by their key in the YAML file, as text: `{ registration: 'closed', 'media.max_upload_bytes': '1000' }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Database to use instead of a new one; for two processes that are one homeserver, and for a restart. */
  readonly databaseUrl?: string;
  /** Port of the federation listener, which is part of the server name; a free one where left out. */
  readonly federationPort?: number;
}

export interface TestHomeserver {
  /** `localhost:<federation port>`: other test servers find it by its name alone. */
  readonly serverName: string;
  /** Where the client API is, without a slash at the end. */
  readonly baseUrl: string;
  readonly federationPort: number;
  readonly databaseUrl: string;
  stop(): Promise<void>;
}

export interface SpawnedHomeserver extends TestHomeserver {
  readonly process: ChildProcess;
  /** Sends a signal and waits for the end; answers the exit code, null after a kill. */
  kill(signal: NodeJS.Signals): Promise<number | null>;
  /** Every line that the process has written so far. */
  readonly output: readonly string[];
}

interface Prepared {
  readonly environment: Record<string, string>;
  readonly serverName: string;
  readonly baseUrl: string;
  readonly federationPort: number;
  readonly databaseUrl: string;
}

async function createDatabase(): Promise<string> {
  const { url, drop } = await createTestDatabase();
  atEnd(drop);
  return url;
}

/**
 * Settings of a test server: a database and a folder of its own, which go where the test or file ends, whether the server
 * starts or not; no rate limits, open registration.
 */
async function prepare(options: HomeserverOptions): Promise<Prepared> {
  const port = options.settings?.port ?? String(await freePort());
  const federationPort = options.federationPort ?? (await freePort());
  const serverName = options.settings?.server_name ?? `localhost:${federationPort}`;
  const databaseUrl = options.databaseUrl ?? (await createDatabase());
  const data = await mkdtemp(path.join(tmpdir(), 'parley-test-data-'));
  atEnd(() => rm(data, { recursive: true, force: true }));
  const settings: Record<string, string> = {
    server_name: serverName,
    port,
    federation_port: String(federationPort),
    data,
    database_url: databaseUrl,
    registration: 'open',
    rate_limits: 'off',
    'federation.development_ca': inject('developmentCa'),
    'log.level': 'error',
    ...options.settings,
  };
  return {
    environment: Object.fromEntries(Object.entries(settings).map(([key, value]) => [variableOf(key), value])),
    serverName,
    baseUrl: `http://127.0.0.1:${port}`,
    federationPort,
    databaseUrl,
  };
}

/**
 * A homeserver inside the test's own process: `const alpha = await startHomeserver();` at the top level of the file, in a
 * `describe` or in a test. It is stopped and removed when that is done.
 */
export async function startHomeserver(
  options: HomeserverOptions & { readonly clock?: Clock; readonly logger?: Logger } = {},
): Promise<TestHomeserver & Pick<Homeserver, 'routes'> & Awaited<ReturnType<Homeserver['start']>>> {
  const prepared = await prepare(options);
  const config = await loadConfig({}, prepared.environment);
  const logger = options.logger ?? createLogger({ level: config.log.level, format: 'text' });
  const homeserver = await createHomeserver(config, { logger, clock: options.clock ?? systemClock });
  const { setupLink } = await homeserver.start();
  let isRunning = true;
  const stop = async () => {
    if (isRunning) await homeserver.stop();
    isRunning = false;
  };
  atEnd(stop);
  return {
    serverName: prepared.serverName,
    baseUrl: prepared.baseUrl,
    federationPort: prepared.federationPort,
    databaseUrl: prepared.databaseUrl,
    routes: homeserver.routes,
    setupLink,
    stop,
  };
}

/** A homeserver in a process of its own, which can be killed; it ends at the latest where `startHomeserver`'s would. */
export async function spawnHomeserver(options: HomeserverOptions = {}): Promise<SpawnedHomeserver> {
  const prepared = await prepare({ ...options, settings: { 'log.level': 'info', ...options.settings } });
  const child = spawn(process.execPath, [MAIN], {
    env: { PATH: process.env.PATH, ...prepared.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit') as Promise<[number | null]>;
  const output: string[] = [];
  const ready = new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => {
        output.push(line);
        if (line.includes('Parley is ready')) resolve();
      });
    ended.then(([code]) => reject(new Error(`The homeserver ended with ${code}:\n${output.join('\n')}`)), reject);
  });
  const kill = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    const [code] = await ended;
    return code;
  };
  atEnd(async () => void (await kill('SIGKILL')));
  await ready;
  return {
    serverName: prepared.serverName,
    baseUrl: prepared.baseUrl,
    federationPort: prepared.federationPort,
    databaseUrl: prepared.databaseUrl,
    process: child,
    output,
    kill,
    stop: async () => void (await kill('SIGTERM')),
  };
}
