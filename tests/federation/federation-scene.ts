import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject, onTestFinished } from 'vitest';
import { type Clock, systemClock } from '../../server/src/base/clock.ts';
import { systemNameLookup } from '../../server/src/base/name-lookup.ts';
import { createOutboundHttp } from '../../server/src/base/outbound-http.ts';
import { issueDevelopmentCertificate } from '../../server/src/federation/development-ca.ts';
import { type Federation, openFederation } from '../../server/src/federation/federation.ts';
import { addFederationRoutes } from '../../server/src/http/federation-routes.ts';
import { createHttpServer } from '../../server/src/http/http-server.ts';
import { noRateLimits } from '../../server/src/http/rate-limits.ts';
import type { FederationRoute } from '../../server/src/http/route.ts';
import type { JsonObject } from '../../server/src/protocol/json.ts';
import { newSigningKeySeed, type SigningKey, signingKeyFromSeed, signJson } from '../../server/src/protocol/signing.ts';
import { keyRoutes } from '../../server/src/server-server-api/keys.ts';
import { versionRoutes } from '../../server/src/server-server-api/version.ts';
import type { Database } from '../../server/src/storage/database.ts';
import { startLoopbackServer, testCa } from '../base/loopback-server.ts';
import { freePort } from '../harness/free-port.ts';

const DAY = 86_400_000;

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'parley-federation-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export interface FederationSettings {
  readonly serverName?: string;
  readonly clock?: Clock;
  readonly notaries?: readonly string[];
  readonly folder?: string;
}

/** The federation part of a server on the given database; it ends with the test. */
export async function testFederation(db: Database, settings: FederationSettings = {}): Promise<Federation> {
  const names = systemNameLookup();
  const http = createOutboundHttp({
    privateAddresses: 'localhost',
    extraCa: [await testCa()],
    userAgent: 'Parley test',
    names,
  });
  const federation = await openFederation({
    db,
    serverName: settings.serverName ?? 'localhost:1',
    signingKeyFile: join(settings.folder ?? (await temporaryFolder()), 'signing.key'),
    http,
    names,
    notaries: settings.notaries ?? [],
    clock: settings.clock ?? systemClock,
    random: () => 0,
    onError: (error) => {
      throw error;
    },
  });
  onTestFinished(async () => {
    federation.stop();
    await http.close();
  });
  return federation;
}

/** A whole server as far as federation goes: real TLS listener, key and version routes, and the given routes. */
export async function startFederationServer(
  db: Database,
  routes: readonly FederationRoute[],
  settings: FederationSettings = {},
): Promise<Federation & { serverName: string }> {
  const { key, cert } = await issueDevelopmentCertificate('localhost', inject('developmentCa'), systemClock);
  const logger = { info: () => {}, error: () => {} };
  const app = createHttpServer({ logger, trustProxy: [], cors: false, tls: { key, cert } });
  let federation: Federation | undefined;
  const started = () => {
    if (federation === undefined) throw new Error('The server has not been started yet.');
    return federation;
  };
  const late = <T extends object>(part: (federation: Federation) => T): T =>
    new Proxy({} as T, { get: (_target, name) => Reflect.get(part(started()), name) });
  addFederationRoutes(
    app,
    [
      ...keyRoutes({
        ownKeys: late((parts) => parts.ownKeys),
        notary: late((parts) => parts.notary),
        clock: settings.clock ?? systemClock,
      }),
      ...versionRoutes('1.2.3'),
      ...routes,
    ],
    {
      authenticateServer: (request) => started().authenticateServer(request),
      roomPolicy: { serverMayTakePart: async () => true, isSharedWith: async () => true },
      rateLimits: noRateLimits,
    },
  );
  const port = await freePort();
  await app.listen({ host: '127.0.0.1', port });
  onTestFinished(() => app.close());
  const serverName = `localhost:${port}`;
  federation = await testFederation(db, { ...settings, serverName });
  return { ...federation, serverName };
}

export function newKey(version: string): SigningKey {
  return signingKeyFromSeed(version, newSigningKeySeed());
}

/** What a scripted server publishes; change it as the scene goes on. */
export interface PublishedKeys {
  current: SigningKey[];
  old: { key: SigningKey; expiredTs: number }[];
  validUntil: number;
  /** Keys whose signatures are put under the answer; the current ones where left out. */
  signers?: SigningKey[];
  serverName?: string;
  /** Further keys of the answer. */
  extra?: JsonObject;
}

export interface ScriptedPeer {
  readonly serverName: string;
  readonly keys: PublishedKeys;
  /** Whether it answers; while it does not, connections are cut. */
  isUp: boolean;
  /** Requests to each path. */
  requests(path: string): number;
  /** The signed answer to GET /_matrix/key/v2/server. */
  keyAnswer(): JsonObject;
  /** Answers all other requests. */
  handle: (request: IncomingMessage, response: ServerResponse) => unknown;
}

export function sendJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** A server that does what the test says, behind real TLS and with real keys. */
export async function startScriptedPeer(clock: Clock): Promise<ScriptedPeer> {
  const counts = new Map<string, number>();
  const peer: ScriptedPeer = {
    serverName: '',
    keys: { current: [newKey('k1')], old: [], validUntil: clock.now() + DAY },
    isUp: true,
    requests: (path) => counts.get(path) ?? 0,
    keyAnswer() {
      const { current, old, validUntil, signers = current, serverName = peer.serverName } = peer.keys;
      let answer: JsonObject = {
        ...peer.keys.extra,
        server_name: serverName,
        valid_until_ts: validUntil,
        verify_keys: Object.fromEntries(current.map((key) => [key.keyId, { key: key.publicKey }])),
        old_verify_keys: Object.fromEntries(
          old.map(({ key, expiredTs }) => [key.keyId, { key: key.publicKey, expired_ts: expiredTs }]),
        ),
      };
      for (const signer of signers) answer = signJson(answer, serverName, signer);
      return answer;
    },
    handle: (_request, response) => sendJson(response, { errcode: 'M_UNRECOGNIZED' }, 404),
  };
  const server = await startLoopbackServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    counts.set(path, (counts.get(path) ?? 0) + 1);
    if (!peer.isUp) request.socket.destroy();
    else if (path === '/_matrix/key/v2/server') sendJson(response, peer.keyAnswer());
    // Whoever asked may have gone before all of it was here.
    else (async () => await peer.handle(request, response))().catch(() => response.destroy());
  }, 'localhost');
  Object.assign(peer, { serverName: `localhost:${server.port}` });
  return peer;
}
