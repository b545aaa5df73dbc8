import { request as httpsRequest } from 'node:https';
import { Type } from 'typebox';
import { expect, test } from 'vitest';
import { federationRoute } from '../../server/src/http/route.ts';
import { canonicalJson } from '../../server/src/protocol/canonical-json.ts';
import { NonCanonicalToken } from '../../server/src/protocol/json.ts';
import type { SigningKey } from '../../server/src/protocol/signing.ts';
import { testCa } from '../base/loopback-server.ts';
import { testDatabase } from '../harness/test-database.ts';
import { newKey, type ScriptedPeer, startFederationServer, startScriptedPeer } from './federation-scene.ts';
import { manualClock } from './manual-clock.ts';

const db = await testDatabase();
const DAY = 86_400_000;

const echo = federationRoute({
  method: 'PUT',
  path: '/_matrix/federation/v1/echo/{id}',
  auth: 'x_matrix',
  serverAcl: 'none',
  inRoom: 'none',
  rateLimit: 'none',
  body: Type.Object({ items: Type.Optional(Type.Array(Type.Unknown())) }),
  handle: async ({ origin, params, body }) => ({
    origin,
    id: params.id,
    bad: (body.items ?? []).filter((item) => item instanceof NonCanonicalToken).length,
  }),
});

async function scene() {
  const clock = manualClock(Date.now());
  const peer = await startScriptedPeer(clock);
  const server = await startFederationServer(db, [echo], { clock });
  return { clock, peer, server };
}

const URI = '/_matrix/federation/v1/echo/%21a%2Fb?x=%20y&z=1+2';

interface Claim {
  method?: string;
  uri?: string;
  origin?: string;
  destination?: string | null;
  key?: SigningKey;
  keyId?: string;
  /** Body that is signed; `null` for none. */
  signed?: string | null;
}

/** An X-Matrix header made by hand, independently of the code under test. */
function header(peer: ScriptedPeer, destination: string, claim: Claim, body: string | undefined): string {
  const key = claim.key ?? peer.keys.current[0] ?? newKey('none');
  const origin = claim.origin ?? peer.serverName;
  const to = claim.destination === undefined ? destination : claim.destination;
  const content = claim.signed === undefined ? body : (claim.signed ?? undefined);
  const members = [
    ...(content === undefined ? [] : [`"content":${content}`]),
    ...(to === null ? [] : [`"destination":${JSON.stringify(to)}`]),
    `"method":${JSON.stringify(claim.method ?? 'PUT')}`,
    `"origin":${JSON.stringify(origin)}`,
    `"uri":${JSON.stringify(claim.uri ?? URI)}`,
  ];
  const sig = key.sign(Buffer.from(`{${members.join(',')}}`));
  const named = to === null ? '' : `destination="${to}",`;
  return `X-Matrix origin="${origin}",${named}key="${claim.keyId ?? key.keyId}",sig="${sig}"`;
}

async function put(
  serverName: string,
  authorization: string | undefined,
  body: string,
  path = URI,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const [host, port] = serverName.split(':');
  const ca = await testCa();
  return await new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) };
    const sent = httpsRequest({ host, port, ca, path, method: 'PUT', headers }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

test('a signed request tells who sent it, down to the escapes of its path', async () => {
  const { peer, server } = await scene();
  const body = '{"items":[1]}';
  const answer = await put(server.serverName, header(peer, server.serverName, {}, body), body);
  expect(answer).toEqual({ status: 200, body: { origin: peer.serverName, id: '!a/b', bad: 0 } });
});

test('a request without destination is accepted, as older servers send it', async () => {
  const { peer, server } = await scene();
  const answer = await put(server.serverName, header(peer, server.serverName, { destination: null }, '{}'), '{}');
  expect(answer.status).toBe(200);
});

test('A1.6 a signed body with what no event may hold still proves its sender', async () => {
  const { peer, server } = await scene();
  for (const body of [
    '{"items":[0.5,1.0,1e2,-0,9007199254740993]}',
    `{"items":[${'['.repeat(150)}${']'.repeat(150)}]}`,
  ]) {
    const answer = await put(server.serverName, header(peer, server.serverName, {}, body), body);
    expect(answer.status).toBe(200);
  }
});

test('a body that is sent in another form than the canonical one that was signed is accepted', async () => {
  const { peer, server } = await scene();
  const sent = '{ "items" : [ ], "b": "\\u00e4", "a": 1 }';
  const signed = canonicalJson({ items: [], b: 'ä', a: 1 });
  const answer = await put(server.serverName, header(peer, server.serverName, { signed }, sent), sent);
  expect(answer.status).toBe(200);
});

const FORGERIES: [title: string, claim: Claim, body?: string, sent?: string][] = [
  ['for another server', { destination: 'other.example' }],
  ['for this server in another spelling', { destination: 'LOCALHOST:1' }],
  ['with another body', { signed: '{"items":[2]}' }],
  ['with a body where none was signed', { signed: null }],
  ['with another method', { method: 'POST' }],
  ['with another path', { uri: '/_matrix/federation/v1/echo/other' }],
  ['with the path decoded', { uri: '/_matrix/federation/v1/echo/!a/b?x= y&z=1 2' }],
  ['with the query left out', { uri: '/_matrix/federation/v1/echo/%21a%2Fb' }],
  ['by a key that is not the one it names', { key: newKey('other'), keyId: 'ed25519:k1' }],
  ['by an unknown key', { key: newKey('unknown') }],
  ['by a key of an unknown algorithm', { keyId: 'rsa:k1' }],
  ['in the name of a server that is not there', { origin: 'localhost:1' }],
  ['in the name of no valid server name', { origin: 'not a name' }],
];

test.each(FORGERIES)('a request that is signed %s is refused with 401', async (_title, claim) => {
  const { peer, server } = await scene();
  const body = '{"items":[1]}';
  const answer = await put(server.serverName, header(peer, server.serverName, claim, body), body);
  expect(answer).toMatchObject({ status: 401, body: { errcode: 'M_UNAUTHORIZED' } });
});

test.each([
  ['no header', undefined],
  ['an access token', 'Bearer abc'],
  ['an empty header', 'X-Matrix '],
  ['no signature', 'X-Matrix origin="localhost:1",destination="x",key="ed25519:1"'],
  ['a signature that is none', 'X-Matrix origin="localhost:1",destination="x",key="ed25519:1",sig="###"'],
])('a request with %s is refused with 401', async (_title, authorization) => {
  const { server } = await scene();
  const answer = await put(server.serverName, authorization, '{}');
  expect(answer).toMatchObject({ status: 401, body: { errcode: 'M_UNAUTHORIZED' } });
});

test('a request in the name of this server itself is refused, even with its own key', async () => {
  const { peer, server } = await scene();
  const claim = { origin: server.serverName, key: server.ownKeys.current };
  const answer = await put(server.serverName, header(peer, server.serverName, claim, '{}'), '{}');
  expect(answer.status).toBe(401);
});

test('A1.18 a request that is signed by an expired or replaced key is refused', async () => {
  const { clock, peer, server } = await scene();
  const before = peer.keys.current[0] ?? newKey('none');
  expect((await put(server.serverName, header(peer, server.serverName, {}, '{}'), '{}')).status).toBe(200);
  peer.keys.current = [newKey('k2')];
  peer.keys.old = [{ key: before, expiredTs: clock.now() }];
  clock.advance(DAY + 1);
  peer.keys.validUntil = clock.now() + DAY;
  const old = await put(server.serverName, header(peer, server.serverName, { key: before }, '{}'), '{}');
  expect(old.status).toBe(401);
  expect((await put(server.serverName, header(peer, server.serverName, {}, '{}'), '{}')).status).toBe(200);
});

test('a request of a server that was taken for away goes on when that is over, also one that comes at the same time', async () => {
  const { clock, peer, server } = await scene();
  await put(server.serverName, header(peer, server.serverName, {}, '{}'), '{}');
  clock.advance(2_000);
  await server.backoff.failed(peer.serverName);
  const rawBody = Buffer.from('{}');
  const authorization = header(peer, server.serverName, {}, '{}');
  const request = { method: 'PUT', uri: URI, authorization, rawBody, body: {} };
  let goOn = 0;
  const authenticate = async () => {
    await server.authenticateServer(request);
    goOn += 1;
  };
  const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  const authenticated = await db.transaction(async (tx) => {
    await tx.query('SELECT FROM destinations WHERE server_name = $1 FOR UPDATE', [peer.serverName]);
    const both = [authenticate(), authenticate()];
    await expect.poll(async () => await db.query(waiting)).toHaveLength(1);
    expect(goOn).toBe(0);
    return both;
  });
  await Promise.all(authenticated);
  expect(await server.backoff.outage(peer.serverName)).toBeUndefined();
});
