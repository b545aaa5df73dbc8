import { expect, test } from 'vitest';
import { isJsonObject, type JsonObject } from '../../server/src/protocol/json.ts';
import { verifyJson } from '../../server/src/protocol/signing.ts';
import { testOutbound } from '../base/loopback-server.ts';
import { startFederationServer, startScriptedPeer } from '../federation/federation-scene.ts';
import { manualClock } from '../federation/manual-clock.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();
const DAY = 86_400_000;

async function scene() {
  const clock = manualClock(Date.now());
  const server = await startFederationServer(db, [], { clock });
  const peer = await startScriptedPeer(clock);
  const http = await testOutbound();
  const call = async (path: string, body?: unknown) => {
    const answer = await http.request({
      to: `https://${server.serverName}/_matrix/key/v2${path}`,
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      maxBytes: 1_000_000,
      deadlineMs: 60_000,
    });
    return { status: answer.status, json: JSON.parse(answer.body.toString()) as JsonObject };
  };
  const query = async (path: string, body?: unknown) => (await call(path, body)).json.server_keys as JsonObject[];
  return { clock, server, peer, call, query };
}

const SERVER = '/_matrix/key/v2/server';

test('the keys of this server are published signed', async () => {
  const { server, call } = await scene();
  const { status, json } = await call('/server');
  const { keyId, publicKey } = server.ownKeys.current;
  expect(status).toBe(200);
  expect(isJsonObject(json.verify_keys) && json.verify_keys[keyId]).toEqual({ key: publicKey });
  expect(verifyJson(json, server.serverName, (id) => (id === keyId ? publicKey : undefined)).ok).toBe(true);
});

test('as a notary it adds its signature to what a server says of its keys', async () => {
  const { server, peer, query } = await scene();
  const [answer] = await query(`/query/${encodeURIComponent(peer.serverName)}`);
  if (answer === undefined) throw new Error('no answer');
  const { keyId, publicKey } = server.ownKeys.current;
  const key = peer.keys.current[0];
  expect(verifyJson(answer, server.serverName, (id) => (id === keyId ? publicKey : undefined)).ok).toBe(true);
  expect(verifyJson(answer, peer.serverName, (id) => (id === key?.keyId ? key.publicKey : undefined)).ok).toBe(true);
  expect(answer.verify_keys).toEqual({ [key?.keyId ?? '']: { key: key?.publicKey } });
});

test('it keeps an answer for half of its life, and longer when its server is away', async () => {
  const { clock, peer, query } = await scene();
  const path = `/query/${encodeURIComponent(peer.serverName)}`;
  await query(path);
  clock.advance(DAY / 2 - 1);
  await query(path);
  expect(peer.requests(SERVER)).toBe(1);
  clock.advance(2);
  await query(path);
  expect(peer.requests(SERVER)).toBe(2);
  peer.isUp = false;
  clock.advance(30 * DAY);
  expect((await query(path)).length).toBe(1);
});

test('it asks again when the answer ends before the wanted moment', async () => {
  const { clock, peer, query } = await scene();
  const name = encodeURIComponent(peer.serverName);
  await query(`/query/${name}`);
  clock.advance(60_000);
  await query(`/query/${name}?minimum_valid_until_ts=${clock.now() + DAY / 2}`);
  expect(peer.requests(SERVER)).toBe(1);
  peer.keys.validUntil = clock.now() + 2 * DAY;
  await query('/query', {
    server_keys: { [peer.serverName]: { 'ed25519:k1': { minimum_valid_until_ts: clock.now() + DAY } } },
  });
  expect(peer.requests(SERVER)).toBe(2);
});

test('many servers can be asked for at once; those that are away are left out', async () => {
  const { clock, server, peer, query } = await scene();
  const second = await startScriptedPeer(clock);
  const names = [peer.serverName, second.serverName, server.serverName, 'localhost:1', 'not a name', '__proto__'];
  const wanted = Object.fromEntries(names.map((name) => [name, {}]));
  const answers = await query('/query', { server_keys: wanted });
  expect(answers.map((answer) => answer.server_name).sort()).toEqual(
    [peer.serverName, second.serverName, server.serverName].sort(),
  );
  expect(await query('/query', { server_keys: {} })).toEqual([]);
  expect(await query('/query/localhost%3A1')).toEqual([]);
});

test('A1.18 a query makes it ask a bounded number of servers', async () => {
  const { clock, query } = await scene();
  const peers = await Promise.all(Array.from({ length: 60 }, () => startScriptedPeer(clock)));
  const answers = await query('/query', { server_keys: Object.fromEntries(peers.map((p) => [p.serverName, {}])) });
  expect(answers.length).toBe(50);
  expect(peers.reduce((sum, each) => sum + each.requests(SERVER), 0)).toBe(50);
});

test.each([[{}], [{ server_keys: [] }], [{ server_keys: 'x' }]])('a query for %j is refused', async (body) => {
  const { call } = await scene();
  expect((await call('/query', body)).status).toBe(400);
});
