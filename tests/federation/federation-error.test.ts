import { expect, test } from 'vitest';
import type { MatrixError } from '../../server/src/protocol/errors.ts';
import { testDatabase } from '../harness/test-database.ts';
import { sendJson, startScriptedPeer, testFederation } from './federation-scene.ts';
import { manualClock } from './manual-clock.ts';

const ours = await testDatabase();

/** What our client makes of an answer. */
async function failure(status: number, body: string): Promise<MatrixError> {
  const clock = manualClock(Date.now());
  const peer = await startScriptedPeer(clock);
  peer.handle = (_request, response) => response.writeHead(status).end(body);
  const { client } = await testFederation(ours, { clock });
  return await client.event(peer.serverName, { eventId: '$e' }).then(
    () => {
      throw new Error('It did not fail.');
    },
    (error: MatrixError) => error,
  );
}

test.each([
  [401, 'M_UNKNOWN_TOKEN', 502, 'M_UNKNOWN'],
  [401, 'M_MISSING_TOKEN', 502, 'M_UNKNOWN'],
  [401, 'M_UNAUTHORIZED', 502, 'M_UNKNOWN'],
  [401, 'M_FORBIDDEN', 403, 'M_FORBIDDEN'],
  [403, 'M_UNKNOWN_TOKEN', 502, 'M_UNKNOWN'],
  [403, 'M_FORBIDDEN', 403, 'M_FORBIDDEN'],
  [400, 'M_FORBIDDEN', 403, 'M_FORBIDDEN'],
  [404, 'M_NOT_FOUND', 404, 'M_NOT_FOUND'],
  [400, 'M_UNABLE_TO_AUTHORISE_JOIN', 400, 'M_UNABLE_TO_AUTHORISE_JOIN'],
  [400, 'M_UNABLE_TO_GRANT_JOIN', 400, 'M_UNABLE_TO_GRANT_JOIN'],
  [403, 'M_INVITE_BLOCKED', 403, 'M_INVITE_BLOCKED'],
  [400, 'M_INVALID_PARAM', 502, 'M_UNKNOWN'],
  [400, 'M_MISSING_PARAM', 502, 'M_UNKNOWN'],
  [403, 'M_USER_DEACTIVATED', 502, 'M_UNKNOWN'],
  [403, 'M_CONSENT_NOT_GIVEN', 502, 'M_UNKNOWN'],
  [500, 'M_UNKNOWN', 502, 'M_UNKNOWN'],
])('A5.5 a %i %s of a peer reaches clients as %i %s', async (status, errcode, seen, code) => {
  const error = await failure(status, JSON.stringify({ errcode, error: 'text', soft_logout: true }));
  expect(error).toMatchObject({ status: seen, errcode: code, reason: 'refused', remote: { status, errcode } });
  expect(error.body()).toEqual({ errcode: code, error: expect.any(String) });
});

test('A5.5 an error without a code, or whose code is no text, becomes 502', async () => {
  for (const body of ['', '<html>', '[]', '{"errcode":{"a":1}}', '{"error":"M_FORBIDDEN"}'])
    expect(await failure(403, body)).toMatchObject({ status: 502, errcode: 'M_UNKNOWN', reason: 'refused' });
});

test('what an error carries besides its code is taken over by name and cut to size', async () => {
  const incompatible = {
    errcode: 'M_INCOMPATIBLE_ROOM_VERSION',
    error: 'e'.repeat(10_000),
    room_version: '99',
    other: 1,
  };
  const first = await failure(400, JSON.stringify(incompatible));
  expect(first.extra).toEqual({ room_version: '99' });
  expect(first.message.length).toBeLessThan(300);
  const limited = await failure(429, '{"errcode":"M_LIMIT_EXCEEDED","error":"x","retry_after_ms":99999999999}');
  expect(limited).toMatchObject({ status: 429, extra: { retry_after_ms: 3_600_000 } });
});

test.each([
  ['no JSON', 'nonsense'],
  ['no object', '[]'],
  ['a list that is none', '{"pdus":{}}'],
  ['an empty list', '{"pdus":[]}'],
  ['nothing', ''],
])('an answer with status 200 that is %s is a bad answer', async (_title, body) => {
  expect(await failure(200, body)).toMatchObject({ status: 502, errcode: 'M_UNKNOWN', reason: 'bad_answer' });
});

test('A5.3 an answer that is too large is a bad answer', async () => {
  const error = await failure(200, JSON.stringify({ pdus: [{ a: 'x'.repeat(2_000_000) }] }));
  expect(error).toMatchObject({ reason: 'bad_answer' });
});

test('a server that is away is not asked again at once, unless a person waits for it', async () => {
  const clock = manualClock(Date.now());
  const peer = await startScriptedPeer(clock);
  const { client } = await testFederation(ours, { clock });
  const ask = (ignoreBackoff = false) => client.event(peer.serverName, { eventId: '$e' }, { ignoreBackoff });
  peer.handle = (_request, response) => sendJson(response, { pdus: [{}] });
  peer.isUp = false;
  await expect(ask()).rejects.toMatchObject({ reason: 'bad_answer', status: 502 });
  peer.isUp = true;
  await expect(ask()).rejects.toMatchObject({ reason: 'backing_off', status: 502 });
  expect(await ask(true)).toEqual({});
  expect(await ask()).toEqual({});
});

test.each([502, 503, 504, 522])(
  'a %i of a proxy counts as an outage, one of the server itself does not',
  async (status) => {
    const clock = manualClock(Date.now());
    const peer = await startScriptedPeer(clock);
    const { client, backoff } = await testFederation(ours, { clock });
    const ask = () => client.event(peer.serverName, { eventId: '$e' }).catch(() => undefined);
    peer.handle = (_request, response) => sendJson(response, { errcode: 'M_UNKNOWN' }, status);
    await ask();
    expect(await backoff.outage(peer.serverName)).toBeUndefined();
    peer.handle = (_request, response) => response.writeHead(status).end('<html>');
    await ask();
    expect(await backoff.outage(peer.serverName)).toEqual({ waitMs: 800 });
  },
);
