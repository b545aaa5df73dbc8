import { beforeAll, describe, expect, it } from 'vitest';
import { clientOf, enc, registerClient, type TestClient } from '../harness/client.ts';
import { spawnHomeserver } from '../harness/homeserver.ts';
import { sync } from '../harness/sync.ts';

// biome-ignore lint/suspicious/noExplicitAny: what tests look into
type Body = any;

const one = await spawnHomeserver();
const two = await spawnHomeserver({
  databaseUrl: one.databaseUrl,
  federationPort: 0,
  settings: { server_name: one.serverName },
});

/** Ana uses the first process, Ben the second. */
let ana: TestClient;
let ben: TestClient;
let anaOnTwo: TestClient;
let roomId: string;

beforeAll(async () => {
  ana = await registerClient(one.baseUrl, 'ana');
  anaOnTwo = clientOf(two.baseUrl, ana);
  ben = await registerClient(two.baseUrl, 'ben');
  roomId = await ana.createRoom({ preset: 'public_chat' });
  await ben.join(roomId);
});

const here = (suffix: string) => `v3/rooms/${enc(roomId)}/${suffix}`;
const joined = (answer: Body) => answer.rooms?.join?.[roomId];
const ephemeral = (answer: Body, type: string) =>
  joined(answer)?.ephemeral.events.find((event: Body) => event.type === type)?.content;

describe('two processes on one database are one homeserver:', () => {
  it('a session of one is good in the other, from the moment it begins to the moment it ends', async () => {
    for (let round = 0; round < 5; round++) {
      const password = {
        type: 'm.login.password',
        identifier: { type: 'm.id.user', user: 'ana' },
        password: 'a good one',
      };
      const session = await ana.ok('POST', 'v3/login', password);
      const elsewhere = clientOf(two.baseUrl, { ...ana, accessToken: session.access_token });
      expect((await elsewhere.request('GET', 'v3/account/whoami')).status).toBe(200);
      await clientOf(one.baseUrl, elsewhere).ok('POST', 'v3/logout');
      expect((await elsewhere.request('GET', 'v3/account/whoami')).status).toBe(401);
    }
  });

  it('a long poll ends when its session is ended in the other process', async () => {
    const zoe = await registerClient(two.baseUrl, 'zoe');
    await zoe.join(roomId);
    const { next_batch: since } = await sync(zoe);
    const waiting = zoe.request('GET', `v3/sync?since=${since}&timeout=60000`);
    await clientOf(one.baseUrl, zoe).ok('POST', 'v3/logout');
    await ana.say(roomId, 'anything');
    expect((await waiting).status).toBe(401);
  });

  it('what one has written is in the next answer of the other, whichever is asked', async () => {
    let since: string | undefined;
    for (let round = 0; round < 10; round++) {
      const [writer, reader] = round % 2 === 0 ? [ana, anaOnTwo] : [anaOnTwo, ana];
      const eventId = await writer.say(roomId, `round ${round}`);
      const answer = await sync(reader, since === undefined ? {} : { since });
      expect(joined(answer).timeline.events.at(-1).event_id).toBe(eventId);
      since = answer.next_batch;
    }
  });

  it.each<[string, () => Promise<unknown>, (answer: Body) => unknown]>([
    ['a message', () => ana.say(roomId, 'wake up'), (answer) => joined(answer)?.timeline.events[0]],
    [
      'account data',
      () => clientOf(one.baseUrl, ben).ok('PUT', `v3/user/${enc(ben.userId)}/account_data/x`, { at: Date.now() }),
      (answer) => answer.account_data,
    ],
    [
      'account data of a room',
      () =>
        clientOf(one.baseUrl, ben).ok('PUT', `v3/user/${enc(ben.userId)}/rooms/${enc(roomId)}/account_data/x`, {
          at: Date.now(),
        }),
      (answer) => joined(answer)?.account_data.events[0],
    ],
    [
      'a receipt',
      async () => ana.ok('POST', here(`receipt/m.read/${enc(await ana.say(roomId, 'read this'))}`), {}),
      (answer) => ephemeral(answer, 'm.receipt'),
    ],
    [
      'typing',
      () => ana.ok('PUT', here(`typing/${enc(ana.userId)}`), { typing: true, timeout: 60_000 }),
      (answer) => ephemeral(answer, 'm.typing'),
    ],
    [
      'an invite',
      async () => ana.ok('POST', `v3/rooms/${enc(await ana.createRoom())}/invite`, { user_id: ben.userId }),
      (answer) => answer.rooms?.invite,
    ],
  ])('a long poll in one wakes for %s in the other', async (_what, act, seen) => {
    const since = (await sync(ben)).next_batch;
    const waiting = ben.syncUntil(since, seen);
    await act();
    expect(await waiting).toBeDefined();
  });

  describe('what one remembers of a user gives way to what the other has written:', () => {
    /** What ben is told next of the room, asking the process in which nothing of it was written. */
    const next = async (since: string) =>
      (await ben.syncUntil(since, (answer) =>
        joined(answer)?.timeline.events.length > 0 ? answer : undefined,
      )) as Body;
    const benOnOne = () => clientOf(one.baseUrl, ben);

    it('whom they ignore', async () => {
      const ignore = (users: object) =>
        benOnOne().ok('PUT', `v3/user/${enc(ben.userId)}/account_data/m.ignored_user_list`, { ignored_users: users });
      for (let round = 0; round < 5; round++) {
        const { next_batch: since } = await sync(ben);
        await ignore({ [ana.userId]: {} });
        await ana.say(roomId, `ignored ${round}`);
        await ignore({});
        const heard = await ana.say(roomId, `heard ${round}`);
        await ignore({ [ana.userId]: {} });
        const marker = await benOnOne().say(roomId, `marker ${round}`);
        const shown = joined(await next(since)).timeline.events.map((event: Body) => event.event_id);
        expect(shown).toEqual([marker]);
        await ignore({});
        const again = joined(await sync(ben, { since })).timeline.events.map((event: Body) => event.event_id);
        expect(again).toEqual(expect.arrayContaining([heard, marker]));
      }
    });

    it('what they have read', async () => {
      for (let round = 0; round < 5; round++) {
        const { next_batch: since } = await sync(ben);
        const eventId = await ana.say(roomId, `unread ${round}`);
        const unread = await next(since);
        expect(joined(unread).unread_notifications.notification_count).toBe(1);
        await benOnOne().ok('POST', here(`receipt/m.read/${enc(eventId)}`), {});
        const read = await ben.syncUntil(unread.next_batch, joined);
        expect(read.unread_notifications.notification_count).toBe(0);
      }
    });

    it('how much they had not read when the other told them of it', async () => {
      const other = await ana.createRoom({ preset: 'public_chat' });
      await benOnOne().join(other);
      for (let n = 0; n < 3; n++) await ana.say(other, `unread ${n}`);
      const told = await sync(benOnOne());
      expect(told.rooms.join[other].unread_notifications.notification_count).toBe(3);
      await ana.say(other, 'one more');
      const more = await ben.syncUntil(told.next_batch, (answer) => answer.rooms?.join?.[other]);
      expect(more.unread_notifications.notification_count).toBe(4);
    });

    it('which rooms they are in', async () => {
      for (let round = 0; round < 5; round++) {
        const { next_batch: since } = await sync(ben);
        const other = await ana.createRoom({ preset: 'public_chat' });
        await benOnOne().join(other);
        const arrived = await ben.syncUntil(since, (answer) => (answer.rooms?.join?.[other] ? answer : undefined));
        const eventId = await ana.say(other, 'welcome');
        const told = await ben.syncUntil(arrived.next_batch, (answer) => answer.rooms?.join?.[other]);
        expect(told.timeline.events.map((event: Body) => event.event_id)).toEqual([eventId]);
        await benOnOne().ok('POST', `v3/rooms/${enc(other)}/leave`);
        const left = await ben.syncUntil(arrived.next_batch, (answer) => answer.rooms?.leave?.[other]);
        expect(left.timeline.events.at(-1).content.membership).toBe('leave');
      }
    });
  });

  it('somebody who moves to and fro is told once who is typing, and then waits like others', async () => {
    await ana.ok('PUT', here(`typing/${enc(ana.userId)}`), { typing: true, timeout: 60_000 });
    const benOnOne = clientOf(one.baseUrl, ben);
    const shown = await ben.syncUntil(undefined, (answer) =>
      ephemeral(answer, 'm.typing') === undefined ? undefined : answer,
    );
    expect(ephemeral(shown, 'm.typing')).toEqual({ user_ids: [ana.userId] });
    for (const client of [benOnOne, ben, benOnOne])
      expect((await sync(client, { since: shown.next_batch, timeout: '300' })).rooms).toBeUndefined();
    await ana.ok('PUT', here(`typing/${enc(ana.userId)}`), { typing: false });
    const stopped = await ben.syncUntil(shown.next_batch, (answer) => ephemeral(answer, 'm.typing'));
    expect(stopped).toEqual({ user_ids: [] });
  });

  it('presence set in one is shown by the other', async () => {
    const status = `v3/presence/${enc(ana.userId)}/status`;
    await ana.ok('PUT', status, { presence: 'unavailable', status_msg: 'at lunch' });
    const shown = await expect.poll(async () => (await ben.ok('GET', status)).status_msg);
    await shown.toBe('at lunch');
  });

  it('a transaction id counts in both: the same request to both at once makes one event', async () => {
    for (let round = 0; round < 10; round++) {
      const ids = await Promise.all(
        [ana, anaOnTwo, ana, anaOnTwo].map((client) => client.say(roomId, 'once', `same-${round}`)),
      );
      expect(new Set(ids).size).toBe(1);
    }
    const { chunk } = await ana.ok('GET', here('messages?dir=b&limit=100'));
    expect(chunk.filter((event: Body) => event.content.body === 'once')).toHaveLength(10);
  });

  it('both write to one room at the same time, and everybody sees every event once and in one order', async () => {
    const since = (await sync(ben)).next_batch;
    const texts = Array.from({ length: 40 }, (_, index) => `crowd ${index}`);
    await Promise.all(texts.map((text, index) => (index % 2 === 0 ? ana : ben).say(roomId, text)));
    const seen = async (client: TestClient) => {
      const answer = await sync(client, { since, filter: '{"room":{"timeline":{"limit":100}}}' });
      return joined(answer).timeline.events.map((event: Body) => event.content.body);
    };
    const [first, second] = [await seen(clientOf(one.baseUrl, ben)), await seen(ben)];
    expect([...first].sort()).toEqual([...texts].sort());
    expect(second).toEqual(first);
  });

  it('a file uploaded to one is downloaded from the other', async () => {
    const upload = await fetch(`${one.baseUrl}/_matrix/media/v3/upload`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ana.accessToken}`, 'content-type': 'text/plain' },
      body: 'shared',
    });
    const { content_uri: uri } = (await upload.json()) as { content_uri: string };
    const download = await fetch(`${two.baseUrl}/_matrix/client/v1/media/download/${uri.slice('mxc://'.length)}`, {
      headers: { authorization: `Bearer ${ana.accessToken}` },
    });
    expect([download.status, await download.text()]).toEqual([200, 'shared']);
  });
});
