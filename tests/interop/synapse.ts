import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, inject, test } from 'vitest';
import { systemClock } from '../../server/src/base/clock.ts';
import { issueDevelopmentCertificate } from '../../server/src/federation/development-ca.ts';
import { encodeBase64 } from '../../server/src/protocol/unpadded-base64.ts';
import { atEnd } from '../harness/at-end.ts';
import { freePort } from '../harness/free-port.ts';
import type { PersonsServer } from '../harness/person.ts';
import { findSynapse } from '../provide-synapse.mjs';

/** A Python program that has Synapse; undefined where there is none. */
const SYNAPSE = findSynapse();
const NO_SYNAPSE = 'there is no Synapse here; `npm run test:interop` installs it where pip reaches an index';

/** How long a start may take on a machine with much else to do. */
const START_MS = 50_000;

/** A Synapse in a process of its own, with its own data, that the homeservers under test can reach by its name. */
export interface Synapse extends PersonsServer {
  /** Ends the process and keeps the data. */
  stop(): Promise<void>;
  /** Starts it again after `stop`. */
  start(): Promise<void>;
  /** The end of what it has logged. */
  log(): Promise<string>;
}

/** `describe` for tests with a Synapse: where there is none, they are one test that is skipped and says why. */
export function describeWithSynapse(title: string, body: () => Promise<void>): void {
  if (SYNAPSE === undefined) test(title, ({ skip }) => skip(NO_SYNAPSE));
  else describe(title, body);
}

const UNLIMITED = { per_second: 10_000, burst_count: 10_000 };

/** Settings that differ from Synapse's own only where a machine without a network and an impatient test need it. */
async function configure(folder: string, ports: { readonly client: number; readonly federation: number }) {
  const certificate = await issueDevelopmentCertificate('localhost', inject('developmentCa'), systemClock);
  const write = async (name: string, content: string) => {
    await writeFile(path.join(folder, name), content, { mode: 0o600 });
    return path.join(folder, name);
  };
  const listener = (port: number, tls: boolean, name: string) => ({
    port,
    tls,
    type: 'http',
    bind_addresses: ['127.0.0.1'],
    resources: [{ names: [name], compress: false }],
  });
  // Synapse reads YAML, which includes JSON.
  const settings = {
    server_name: `localhost:${ports.federation}`,
    pid_file: path.join(folder, 'pid'),
    listeners: [listener(ports.client, false, 'client'), listener(ports.federation, true, 'federation')],
    tls_certificate_path: await write('certificate.pem', certificate.cert),
    tls_private_key_path: await write('key.pem', certificate.key),
    federation_custom_ca_list: [await write('ca.pem', certificate.ca)],
    ip_range_blacklist: [],
    database: { name: 'sqlite3', args: { database: path.join(folder, 'homeserver.db') } },
    media_store_path: path.join(folder, 'media'),
    signing_key: `ed25519 test ${encodeBase64(randomBytes(32))}`,
    macaroon_secret_key: randomBytes(32).toString('hex'),
    form_secret: randomBytes(32).toString('hex'),
    trusted_key_servers: [],
    report_stats: false,
    enable_registration: true,
    enable_registration_without_verification: true,
    allow_public_rooms_over_federation: true,
    room_list_publication_rules: [{ action: 'allow' }],
    // Tests choose their passwords for their readers.
    bcrypt_rounds: 4,
    // Milliseconds. Synapse would otherwise wait up to a minute inside a request to a server that was away for a while.
    federation: {
      max_long_retry_delay: 200,
      destination_min_retry_interval: 100,
      destination_max_retry_interval: 1000,
    },
    rc_message: UNLIMITED,
    rc_registration: UNLIMITED,
    rc_presence: { per_user: UNLIMITED },
    rc_login: { address: UNLIMITED, account: UNLIMITED, failed_attempts: UNLIMITED },
    rc_joins: { local: UNLIMITED, remote: UNLIMITED },
    rc_joins_per_room: UNLIMITED,
    rc_invites: { per_room: UNLIMITED, per_user: UNLIMITED, per_issuer: UNLIMITED },
    rc_room_creation: UNLIMITED,
    rc_federation: { window_size: 1, sleep_limit: 10_000, sleep_delay: 1, reject_limit: 10_000, concurrent: 100 },
  };
  return await write('homeserver.yaml', JSON.stringify(settings));
}

async function answers(baseUrl: string): Promise<boolean> {
  try {
    return (await fetch(`${baseUrl}/_matrix/client/versions`)).ok;
  } catch {
    return false;
  }
}

/** Starts a Synapse. It is ended and removed at the end of the test, `describe` or file that this is called in. */
export async function startSynapse(): Promise<Synapse> {
  const python = SYNAPSE;
  if (python === undefined) throw new Error(NO_SYNAPSE);
  const folder = await mkdtemp(path.join(tmpdir(), 'parley-test-synapse-'));
  const ports = { client: await freePort(), federation: await freePort() };
  const settings = await configure(folder, ports);
  const baseUrl = `http://127.0.0.1:${ports.client}`;
  const logFile = path.join(folder, 'log');
  let child: ChildProcess | undefined;
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child === undefined) return;
    const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
    child.kill(signal);
    await ended;
    child = undefined;
  };
  const log = async () => (await readFile(logFile, 'utf8')).slice(-5000);
  const start = async () => {
    const output = openSync(logFile, 'a');
    const started = spawn(python, ['-m', 'synapse.app.homeserver', '-c', settings], {
      cwd: folder,
      stdio: ['ignore', output, output],
    });
    child = started;
    const deadline = performance.now() + START_MS;
    while (!(await answers(baseUrl))) {
      if (started.exitCode !== null || performance.now() > deadline)
        throw new Error(`Synapse does not start:\n${await log()}`);
      await delay(100);
    }
  };
  atEnd(async () => {
    await stop('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });
  await start();
  return { serverName: `localhost:${ports.federation}`, baseUrl, start, stop: () => stop(), log };
}
