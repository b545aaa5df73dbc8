import { describe, expect, test } from 'vitest';
import { clientOf, enc, registerClient, type TestClient } from '../harness/client.ts';
import { startHomeserver } from '../harness/homeserver.ts';

const one = await startHomeserver();
/** Another process of the same homeserver. */
const other = await startHomeserver({
  databaseUrl: one.databaseUrl,
  settings: { server_name: one.serverName, federation_port: '0' },
});
let names = 0;
let txns = 0;

const register = (name: string) => registerClient(one.baseUrl, `${name}${names++}`);
const to = (client: TestClient, content: object, deviceId = client.deviceId) => ({
  [client.userId]: { [deviceId]: content },
});
const put = (from: TestClient, messages: object, { type = 'm.test', txnId = `t${txns++}` } = {}) =>
  from.request('PUT', `v3/sendToDevice/${type}/${txnId}`, { messages });
async function send(from: TestClient, messages: object, options = {}) {
  expect(await put(from, messages, options)).toEqual({ status: 200, body: {} });
}
// biome-ignore lint/suspicious/noExplicitAny: the answer of a sync
const sync = (client: TestClient, since?: string): Promise<any> =>
  client.ok('GET', `v3/sync?${since === undefined ? '' : `since=${enc(since)}`}`);
// biome-ignore lint/suspicious/noExplicitAny: the answer of a sync
const events = (answer: any): { type: string; sender: string; content: { n?: unknown } }[] =>
  answer.to_device?.events ?? [];

/** A second device of the same user. */
async function secondDevice(client: TestClient): Promise<TestClient> {
  const identifier = { type: 'm.id.user', user: client.userId };
  const login = { type: 'm.login.password', identifier, password: 'a good one' };
  const {
    user_id: userId,
    device_id: deviceId,
    access_token: accessToken,
  } = await client.ok('POST', 'v3/login', login);
  return clientOf(one.baseUrl, { userId, deviceId, accessToken });
}

describe('a message to a device', () => {
  test('comes with syncs until the client goes on from one, and then no more', async () => {
    const [ana, ben] = [await register('ana'), await register('ben')];
    const before = (await sync(ben)).next_batch;
    await send(ana, to(ben, { n: 1 }));
    const first = await sync(ben, before);
    expect(events(first)).toEqual([{ type: 'm.test', sender: ana.userId, content: { n: 1 } }]);
    // The answer may have been lost.
    expect(events(await sync(ben, before))).toEqual(events(first));
    expect(events(await sync(ben))).toEqual(events(first));
    expect((await sync(ben, first.next_batch)).to_device).toBeUndefined();
    expect((await sync(ben)).to_device).toBeUndefined();
  });

  test('comes to that device alone, and to all of a user if it is for *', async () => {
    const [ana, ben] = [await register('ana'), await register('ben')];
    const second = await secondDevice(ben);
    await send(ana, to(ben, { n: 'one' }, second.deviceId));
    await send(ana, to(ben, { n: 'all' }, '*'));
    expect(events(await sync(second)).map(({ content }) => content.n)).toEqual(['one', 'all']);
    expect(events(await sync(ben)).map(({ content }) => content.n)).toEqual(['all']);
    expect(events(await sync(ana))).toEqual([]);
  });

  test('ends a long poll, also one at another process', async () => {
    const [ana, ben] = [await register('ana'), await register('ben')];
    const benElsewhere = clientOf(other.baseUrl, ben);
    const { next_batch: since } = await sync(benElsewhere);
    const waiting = benElsewhere.syncUntil(since, (answer) => answer.to_device?.events);
    await send(ana, to(ben, { n: 1 }));
    expect(await waiting).toMatchObject([{ content: { n: 1 } }]);
  });

  test('is sent once, however often its transaction is repeated', async () => {
    const [ana, ben] = [await register('ana'), await register('ben')];
    const repeats = Array.from({ length: 5 }, () => send(ana, to(ben, { n: 1 }), { txnId: 'same' }));
    await Promise.all(repeats);
    await send(ana, to(ben, { n: 2 }), { txnId: 'same', type: 'm.other' });
    expect(events(await sync(ben)).map(({ content }) => content.n)).toEqual([1, 2]);
  });

  test('is gone with its device, and there is none for those who do not exist', async () => {
    const [ana, ben] = [await register('ana'), await register('ben')];
    const second = await secondDevice(ben);
    await send(ana, to(ben, { n: 1 }, second.deviceId));
    await second.ok('POST', 'v3/logout');
    await send(ana, to(ben, { n: 2 }, second.deviceId));
    await send(ana, { [`@nobody:${one.serverName}`]: { '*': { n: 3 } }, ...to(ben, { n: 4 }) });
    expect(events(await sync(ben)).map(({ content }) => content.n)).toEqual([4]);
  });
});

test('what was too much for one sync comes with the next, which does not wait for anything new', async () => {
  const [ana, ben] = [await register('ana'), await register('ben')];
  for (let n = 0; n < 101; n++) await send(ana, to(ben, { n }));
  const { next_batch: since } = await sync(ben);
  const rest = await ben.ok('GET', `v3/sync?since=${enc(since)}&timeout=90000`);
  expect(events(rest).map(({ content }) => content.n)).toEqual([100]);
}, 60_000);

test('messages come in order, a hundred with a sync', async () => {
  const [ana, ben] = [await register('ana'), await register('ben')];
  for (let n = 0; n < 205; n++) await send(ana, to(ben, { n }));
  const found: unknown[] = [];
  const sizes: number[] = [];
  for (let since: string | undefined; sizes.at(-1) !== 0; ) {
    const answer = await sync(ben, since);
    found.push(...events(answer).map(({ content }) => content.n));
    sizes.push(events(answer).length);
    since = answer.next_batch;
  }
  expect(sizes).toEqual([100, 100, 5, 0]);
  expect(found).toEqual(Array.from({ length: 205 }, (_, n) => n));
});

test('what cannot be sent is refused as a whole', async () => {
  const [ana, ben] = [await register('ana'), await register('ben')];
  const good = to(ben, { n: 1 });
  const many = Object.fromEntries(Array.from({ length: 5_001 }, (_, n) => [`D${n}`, {}]));
  const cases: [messages: unknown, status: number, errcode: string, type?: string][] = [
    ['text', 400, 'M_BAD_JSON'],
    [{ ...good, ben: { D: {} } }, 400, 'M_INVALID_PARAM'],
    [{ [ben.userId]: { [ben.deviceId]: 'text' } }, 400, 'M_BAD_JSON'],
    [{ ...good, [ana.userId]: { D: { n: 0.5 } } }, 400, 'M_BAD_JSON'],
    [{ ...good, [ana.userId]: { D: { text: 'x'.repeat(60_000) } } }, 413, 'M_TOO_LARGE'],
    [{ ...good, [ana.userId]: many }, 413, 'M_TOO_LARGE'],
    [{ ...good, [ana.userId]: { ['D'.repeat(256)]: {} } }, 400, 'M_INVALID_PARAM'],
    [good, 400, 'M_INVALID_PARAM', 'm'.repeat(256)],
  ];
  for (const [messages, status, errcode, type] of cases)
    expect(await put(ana, messages as object, type === undefined ? {} : { type })).toMatchObject({
      status,
      body: { errcode },
    });
  expect(events(await sync(ben))).toEqual([]);
});
