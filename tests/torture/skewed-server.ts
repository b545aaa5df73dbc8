import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Clock, systemClock } from '../../server/src/base/clock.ts';
import { loadConfig } from '../../server/src/config.ts';
import { issueDevelopmentCertificate } from '../../server/src/federation/development-ca.ts';
import { createHomeserver } from '../../server/src/homeserver.ts';
import { freePort } from '../harness/free-port.ts';
import { recordingLogger } from '../harness/recording-logger.ts';

/** A homeserver in this process whose wall clock is wrong by as much as it is told. */
export interface SkewedServer {
  /** Base URL of the client API. */
  readonly url: string;
  readonly serverName: string;
  /** By how much its wall clock is wrong from now on, in milliseconds. Intervals are measured by another clock, as in any process. */
  setSkew(ms: number): void;
  skewMs(): number;
  /** Errors that it has logged. */
  errors(): readonly string[];
  stop(): Promise<void>;
}

export interface SkewedServerOptions {
  /** For its configuration and data. */
  readonly folder: string;
  readonly databaseUrl: string;
  /** Folder of the certificate authority that servers on this machine share. */
  readonly developmentCa: string;
  /** Further settings, as in the YAML file. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** Starts it with the right time. Its certificate is good whatever its clock says: those come from elsewhere. */
export async function startSkewedServer(options: SkewedServerOptions): Promise<SkewedServer> {
  const { folder, databaseUrl, developmentCa } = options;
  await mkdir(folder, { recursive: true, mode: 0o711 });
  const [port, federationPort] = [await freePort(), await freePort()];
  const serverName = `localhost:${federationPort}`;
  const { key, cert, ca } = await issueDevelopmentCertificate('localhost', developmentCa, systemClock);
  const at = (name: string) => path.join(folder, name);
  for (const [name, text] of Object.entries({ 'key.pem': key, 'cert.pem': cert, 'ca.pem': ca }))
    await writeFile(at(name), text, { mode: 0o600 });
  const settings = {
    server_name: serverName,
    port,
    federation_port: federationPort,
    data: at('data'),
    database_url: databaseUrl,
    registration: 'open',
    rate_limits: 'off',
    federation: { tls_key: at('key.pem'), tls_cert: at('cert.pem'), ca_file: at('ca.pem') },
    ...options.settings,
  };
  // JSON is YAML.
  await writeFile(at('parley.yaml'), JSON.stringify(settings), { mode: 0o600 });
  let skewMs = 0;
  const clock: Clock = { now: () => Math.round(systemClock.now() + skewMs), monotonic: systemClock.monotonic };
  const { logger, lines } = recordingLogger();
  const homeserver = await createHomeserver(await loadConfig({ config: at('parley.yaml') }, {}), { logger, clock });
  await homeserver.start();
  return {
    url: `http://127.0.0.1:${port}`,
    serverName,
    skewMs: () => skewMs,
    setSkew(ms) {
      skewMs = ms;
    },
    errors: () =>
      lines
        .filter(({ level }) => level === 'error')
        .map(({ message, values }) => `${message} ${String((values as { err?: unknown }).err ?? '')}`),
    stop: () => homeserver.stop(),
  };
}
