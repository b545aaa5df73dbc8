import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { Agent, request as httpRequest } from 'undici';
import { afterAll, inject } from 'vitest';
import { systemClock } from '../../server/src/base/clock.ts';
import { issueDevelopmentCertificate } from '../../server/src/federation/development-ca.ts';
import { authorizationHeader } from '../../server/src/federation/x-matrix.ts';
import { canonicalJson } from '../../server/src/protocol/canonical-json.ts';
import type { JsonObject, JsonValue } from '../../server/src/protocol/json.ts';
import { newSigningKeySeed, type SigningKey, signingKeyFromSeed, signJson } from '../../server/src/protocol/signing.ts';
import { freePort } from './free-port.ts';

/** A request that the puppet has been asked. */
export interface PuppetRequest {
  readonly method: string;
  /** Parameters of the path after the name of the call, decoded. */
  readonly params: readonly string[];
  readonly query: URLSearchParams;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  readonly body: any;
}

export interface PuppetAnswer {
  readonly status: number;
  /** The body exactly as it came. */
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
}

/** An answer that no serialiser would write, or that never ends: whoever gives it writes the response. */
export class RawAnswer {
  readonly write: (request: IncomingMessage, response: ServerResponse) => void;

  constructor(write: RawAnswer['write']) {
    this.write = write;
  }
}

/** The peer of a homeserver under test: it has a real key, a real certificate, and no manners but those that the test gives it. */
export interface PuppetServer {
  readonly serverName: string;
  readonly key: SigningKey;
  /**
   * Answers by the name of the call, such as `state_ids`, or `server` for its keys; a `RawAnswer` is given the response. Calls
   * without one, and answers that are undefined, are a 404.
   */
  readonly answers: Map<string, (request: PuppetRequest) => unknown>;
  /** Names of the calls that have come in: what it was asked, not the transactions that are sent to it at any time. */
  readonly calls: string[];
  /** Whether it can be reached; while it cannot, connections are cut. */
  isUp: boolean;
  /** Hears every body that is asked of it or answered to it. */
  onText: ((text: string) => void) | undefined;
  /** Makes a signed request to another server. `path` starts after `/_matrix/federation`, or with `/_matrix`. */
  call(serverName: string, method: 'GET' | 'PUT' | 'POST', path: string, body?: JsonValue): Promise<PuppetAnswer>;
  /** The same with a body that no serialiser would write. */
  callWithText(serverName: string, method: 'PUT' | 'POST', path: string, text: string): Promise<PuppetAnswer>;
  /** A user of this server. */
  user(localpart: string): `@${string}`;
  close(): Promise<void>;
}

export interface PuppetOptions {
  /** In its server name: ACLs do not look at ports. */
  readonly host?: 'localhost' | '127.0.0.1';
  /** Folder of the certificate authority that the servers under test trust. */
  readonly developmentCa: string;
}

const DAY_MS = 86_400_000;

/**
 * Starts a puppet on a port of its own; it ends with the test file.
 *
 * @param host in its server name: ACLs do not look at ports
 */
export async function startPuppetServer(host: 'localhost' | '127.0.0.1' = 'localhost'): Promise<PuppetServer> {
  const puppet = await openPuppetServer({ host, developmentCa: inject('developmentCa') });
  afterAll(() => puppet.close());
  return puppet;
}

/** Starts a puppet on a port of its own, which whoever starts it has to close. */
export async function openPuppetServer({ host = 'localhost', developmentCa }: PuppetOptions): Promise<PuppetServer> {
  const { key: tlsKey, cert, ca } = await issueDevelopmentCertificate(host, developmentCa, systemClock);
  const agent = new Agent({ connect: { ca } });
  const key = signingKeyFromSeed('puppet', newSigningKeySeed());
  const server = createServer({ key: tlsKey, cert }, (request, response) => {
    // Whoever asked may have gone before all of it was here.
    answer(puppet, request, response).catch(() => response.destroy());
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const serverName = `${host}:${port}`;

  async function request(destination: string, method: string, path: string, content: string | undefined) {
    const uri = path.startsWith('/_matrix/') ? path : `/_matrix/federation${path}`;
    const authorization = authorizationHeader({ method, uri, origin: serverName, destination, content }, key);
    const response = await httpRequest(`https://${destination}${uri}`, {
      dispatcher: agent,
      method: method as 'GET',
      headers: { authorization, ...(content === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(content === undefined ? {} : { body: content }),
    });
    const text = await response.body.text();
    puppet.onText?.(text);
    return { status: response.statusCode, text, body: JSON.parse(text) as JsonObject };
  }

  const puppet: PuppetServer = {
    serverName,
    key,
    answers: new Map([['server', () => keyAnswer(serverName, [key])]]),
    calls: [],
    isUp: true,
    onText: undefined,
    user: (localpart) => `@${localpart}:${serverName}`,
    call: (destination, method, path, body) =>
      request(destination, method, path, body === undefined ? undefined : canonicalJson(body)),
    callWithText: request,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await agent.close();
    },
  };
  return puppet;
}

/** What a server answers about its keys, signed with the last of them. */
export function keyAnswer(serverName: string, keys: readonly SigningKey[], more: JsonObject = {}): JsonObject {
  const [signer] = keys.slice(-1);
  if (signer === undefined) throw new Error('keys are signed with one of them');
  return signJson(
    {
      server_name: serverName,
      valid_until_ts: Date.now() + DAY_MS,
      verify_keys: Object.fromEntries(keys.map((key) => [key.keyId, { key: key.publicKey }])),
      old_verify_keys: {},
      ...more,
    },
    serverName,
    signer,
  );
}

async function answer(puppet: PuppetServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (!puppet.isUp) {
    request.socket.destroy();
    return;
  }
  const url = new URL(request.url ?? '/', 'https://puppet');
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  puppet.onText?.(text);
  const [, , api, , name = '', ...params] = url.pathname.split('/').map(decodeURIComponent);
  const call = {
    method: request.method ?? '',
    params,
    query: url.searchParams,
    body: text === '' ? undefined : JSON.parse(text),
  };
  if (api !== 'key' && name !== 'send') puppet.calls.push(name);
  const given = await puppet.answers.get(name)?.(call);
  if (given instanceof RawAnswer) {
    given.write(request, response);
    return;
  }
  response.writeHead(given === undefined ? 404 : 200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(given ?? { errcode: 'M_NOT_FOUND', error: 'The puppet does not answer this.' }));
}
