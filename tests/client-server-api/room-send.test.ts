import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { supportedRoomVersions } from '../../server/src/protocol/room-versions.ts';
import { openDatabase } from '../../server/src/storage/database.ts';
import { clientOf, enc, registerClient, type TestClient } from '../harness/client.ts';
import { startHomeserver } from '../harness/homeserver.ts';

const server = await startHomeserver();
let ana: TestClient;
let ben: TestClient;
let roomId: string;

beforeAll(async () => {
  ana = await registerClient(server.baseUrl, 'ana');
  ben = await registerClient(server.baseUrl, 'ben');
  roomId = await ana.createRoom({ preset: 'public_chat' });
  await ben.join(roomId);
});

const sendPath = (txnId: string, type = 'm.room.message') => `v3/rooms/${enc(roomId)}/send/${type}/${txnId}`;

describe('PUT /rooms/{roomId}/send', () => {
  it('a repeated transaction id is the same event, however often and at the same time', async () => {
    const body = { msgtype: 'm.text', body: 'once' };
    const answers = await Promise.all(Array.from({ length: 50 }, () => ana.request('PUT', sendPath('same'), body)));
    expect(new Set(answers.map((answer) => answer.body.event_id)).size).toBe(1);
    const page = await ana.ok('GET', `v3/rooms/${enc(roomId)}/messages?dir=b&limit=100`);
    expect(page.chunk.filter((event: { content: { body?: string } }) => event.content.body === 'once')).toHaveLength(1);
  });

  it('transaction ids belong to a device and to a path', async () => {
    const login = await ana.ok('POST', 'v3/login', {
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: 'ana' },
      password: 'a good one',
    });
    const other = clientOf(server.baseUrl, { ...ana, deviceId: login.device_id, accessToken: login.access_token });
    const body = { msgtype: 'm.text', body: 'x' };
    const ids = [
      (await ana.ok('PUT', sendPath('t'), body)).event_id,
      (await other.ok('PUT', sendPath('t'), body)).event_id,
      (await ana.ok('PUT', sendPath('t', 'org.parley.other'), body)).event_id,
    ];
    expect(new Set(ids).size).toBe(3);
  });

  it('shows the transaction id to the device that sent it, and to nobody else', async () => {
    const eventId = await ana.say(roomId, 'mine', 'visible-to-me');
    const path = `v3/rooms/${enc(roomId)}/event/${enc(eventId)}`;
    expect((await ana.ok('GET', path)).unsigned.transaction_id).toBe('visible-to-me');
    expect((await ben.ok('GET', path)).unsigned).not.toHaveProperty('transaction_id');
  });

  it('what is sent to several rooms at once is in each of them exactly once, with one event after the other', async () => {
    const rooms = await Promise.all([1, 2, 3, 4].map(async () => await ana.createRoom({ preset: 'private_chat' })));
    const sent = await Promise.all(
      Array.from({ length: 120 }, (_, index) => ana.say(rooms[index % rooms.length] ?? '', `spread ${index}`)),
    );
    for (const [index, room] of rooms.entries()) {
      const page = await ana.ok('GET', `v3/rooms/${enc(room)}/messages?dir=b&limit=30`);
      const expected = sent.filter((_, n) => n % rooms.length === index);
      expect(page.chunk.map((event: { event_id: string }) => event.event_id).sort()).toEqual(expected.sort());
    }
    const forks = 'SELECT room_id FROM rooms WHERE room_id = ANY ($1::text[]) AND cardinality(extremities) <> 1';
    const siblings = `SELECT prev_events FROM events JOIN rooms r ON r.nid = room_nid WHERE room_id = ANY ($1::text[])
      GROUP BY r.nid, prev_events HAVING count(*) > 1`;
    const db = openDatabase({ connection: server.databaseUrl, poolSize: 1 });
    onTestFinished(() => db.close());
    for (const check of [forks, siblings]) expect(await db.query(check, [rooms])).toEqual([]);
  });

  it('many senders at once are all heard, each exactly once and in one order for all', async () => {
    const sent = await Promise.all(
      Array.from({ length: 60 }, (_, index) => (index % 2 === 0 ? ana : ben).say(roomId, `burst ${index}`)),
    );
    const [one, other] = await Promise.all(
      [ana, ben].map(async (client) => {
        const page = await client.ok('GET', `v3/rooms/${enc(roomId)}/messages?dir=b&limit=60`);
        return page.chunk.map((event: { event_id: string }) => event.event_id);
      }),
    );
    expect(new Set(one)).toEqual(new Set(sent));
    expect(other).toEqual(one);
  });

  it('a refused event spoils none of those that are written together with it', async () => {
    const stranger = await registerClient(server.baseUrl, 'stranger');
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        (index % 4 === 0 ? stranger : ana).request('PUT', sendPath(`mixed${index}`), { body: `mixed ${index}` }),
      ),
    );
    expect(answers.map((answer) => answer.status)).toEqual(answers.map((_, index) => (index % 4 === 0 ? 403 : 200)));
    const page = await ana.ok('GET', `v3/rooms/${enc(roomId)}/messages?dir=b&limit=30`);
    expect(new Set(page.chunk.map((event: { event_id: string }) => event.event_id))).toEqual(
      new Set(answers.flatMap((answer) => answer.body.event_id ?? [])),
    );
  });

  it('members only, and within the power levels', async () => {
    const cyn = await registerClient(server.baseUrl, 'cyn');
    expect((await cyn.request('PUT', sendPath('x'), { body: 'hi' })).body.errcode).toBe('M_FORBIDDEN');
    const quiet = await ana.createRoom({ preset: 'public_chat', power_level_content_override: { events_default: 50 } });
    await ben.join(quiet);
    const { status, body } = await ben.request('PUT', `v3/rooms/${enc(quiet)}/send/m.room.message/1`, { body: 'hi' });
    expect([status, body.errcode]).toEqual([403, 'M_FORBIDDEN']);
  });

  it('refuses an event of more than 65,536 bytes with 413 and takes one below', async () => {
    const { status, body } = await ana.request('PUT', sendPath('big'), { body: 'x'.repeat(66_000) });
    expect([status, body.errcode]).toEqual([413, 'M_TOO_LARGE']);
    expect((await ana.request('PUT', sendPath('big'), { body: 'x'.repeat(64_000) })).status).toBe(200);
  });

  it('A1.5 refuses numbers that canonical JSON does not have', async () => {
    for (const number of [1.5, 1e40, 2 ** 53]) {
      const { status, body } = await ana.request('PUT', sendPath('float'), { body: 'x', n: number });
      expect([status, body.errcode]).toEqual([400, 'M_BAD_JSON']);
    }
  });

  it('A9.1 keeps keys like __proto__ as plain content', async () => {
    const response = await fetch(`${server.baseUrl}/_matrix/client/${sendPath('proto')}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${ana.accessToken}`, 'content-type': 'application/json' },
      body: '{"body":"x","__proto__":{"admin":true}}',
    });
    const { event_id: eventId } = (await response.json()) as { event_id: string };
    const path = `${server.baseUrl}/_matrix/client/v3/rooms/${enc(roomId)}/event/${enc(eventId)}`;
    const text = await (await fetch(path, { headers: { authorization: `Bearer ${ben.accessToken}` } })).text();
    expect(text).toContain('"__proto__":{"admin":true}');
  });

  it('stores strings that a database column cannot hold', async () => {
    const eventId = await ana.say(roomId, 'a\u0000b \ud83d\ude00');
    expect((await ben.ok('GET', `v3/rooms/${enc(roomId)}/event/${enc(eventId)}`)).content.body).toBe('a\u0000b 😀');
  });
});

describe('PUT /rooms/{roomId}/state', () => {
  it('sets state, with and without a state key, and reads it back', async () => {
    await ana.setState(roomId, 'm.room.topic', { topic: 'Tea' });
    await ana.setState(roomId, 'org.parley.thing', { value: 1 }, 'key/with a slash');
    expect((await ben.ok('GET', `v3/rooms/${enc(roomId)}/state/m.room.topic`)).topic).toBe('Tea');
    expect((await ben.ok('GET', `v3/rooms/${enc(roomId)}/state/m.room.topic/`)).topic).toBe('Tea');
    const path = `v3/rooms/${enc(roomId)}/state/org.parley.thing/${enc('key/with a slash')}`;
    expect(await ben.ok('GET', path)).toEqual({ value: 1 });
    expect((await ben.ok('GET', `${path}?format=event`)).state_key).toBe('key/with a slash');
  });

  it('the same content again is not a new event', async () => {
    const first = await ana.setState(roomId, 'm.room.name', { name: 'Same', extra: [1, { a: 2 }] });
    expect(await ana.setState(roomId, 'm.room.name', { extra: [1, { a: 2 }], name: 'Same' })).toBe(first);
    expect(await ana.setState(roomId, 'm.room.name', { name: 'Other' })).not.toBe(first);
  });

  it('answers 404 for state that there is not', async () => {
    const { status, body } = await ana.request('GET', `v3/rooms/${enc(roomId)}/state/m.room.pinned_events`);
    expect([status, body.errcode]).toEqual([404, 'M_NOT_FOUND']);
  });

  it('takes only aliases of this room into m.room.canonical_alias', async () => {
    const alias = `#mine:${server.serverName}`;
    const set = (content: unknown) =>
      ana.request('PUT', `v3/rooms/${enc(roomId)}/state/m.room.canonical_alias`, content);
    expect((await set({ alias })).body.errcode).toBe('M_BAD_ALIAS');
    expect((await set({ alt_aliases: ['nonsense'] })).body.errcode).toBe('M_INVALID_PARAM');
    await ana.ok('PUT', `v3/directory/room/${enc(alias)}`, { room_id: roomId });
    expect((await set({ alias })).status).toBe(200);
    for (const wrong of [{ alias: 4 }, { alt_aliases: alias }, { alt_aliases: [null] }])
      expect((await set(wrong)).body.errcode).toBe('M_INVALID_PARAM');
    const many = Array.from({ length: 101 }, (_, index) => `#${index}:${server.serverName}`);
    expect((await set({ alt_aliases: many })).status).toBe(400);
    expect((await set({ alias: '', alt_aliases: [alias, ...many.slice(0, 1)] })).body.errcode).toBe('M_BAD_ALIAS');
    // What stands already was right when it was set, and does not hinder what is new.
    await ana.ok('DELETE', `v3/directory/room/${enc(alias)}`);
    const other = `#other:${server.serverName}`;
    await ana.ok('PUT', `v3/directory/room/${enc(other)}`, { room_id: roomId });
    expect((await set({ alias, alt_aliases: [other] })).status).toBe(200);
    expect((await set({ alias: null })).status).toBe(200);
    expect((await set({ alias })).body.errcode).toBe('M_BAD_ALIAS');
  });

  it('is for members, also where nothing would change', async () => {
    const own = await ana.createRoom({ preset: 'public_chat' });
    await ben.join(own);
    await ana.setState(own, 'm.room.power_levels', { users: { [ben.userId]: 50 } });
    const topic = { topic: 'as it was' };
    await ben.setState(own, 'm.room.topic', topic);
    await ben.ok('POST', `v3/rooms/${enc(own)}/leave`, {});
    const { status, body } = await ben.request('PUT', `v3/rooms/${enc(own)}/state/m.room.topic`, topic);
    expect([status, body.errcode]).toEqual([403, 'M_FORBIDDEN']);
  });

  it('replaced state names what it replaced', async () => {
    const first = await ana.setState(roomId, 'm.room.avatar', { url: 'mxc://a/1' });
    const second = await ana.setState(roomId, 'm.room.avatar', { url: 'mxc://a/2' });
    const { unsigned } = await ben.ok('GET', `v3/rooms/${enc(roomId)}/event/${enc(second)}`);
    expect(unsigned).toMatchObject({ replaces_state: first, prev_content: { url: 'mxc://a/1' }, membership: 'join' });
  });
});

describe('PUT /rooms/{roomId}/redact', () => {
  it('A3.1 tells who is not in the room nothing of which events there are', async () => {
    const own = await ana.createRoom({});
    const eventId = await ana.say(own, 'secret');
    const redact = (target: string) => ben.request('PUT', `v3/rooms/${enc(own)}/redact/${enc(target)}/x`, {});
    const answer = await redact(eventId);
    expect(answer).toEqual(await redact('$nothing'));
    expect([answer.status, answer.body.errcode]).toEqual([403, 'M_FORBIDDEN']);
  });

  it('A3.3 a redacted event is pruned for everybody, and says by what', async () => {
    const eventId = await ben.say(roomId, 'regret');
    const redaction = await ben.ok('PUT', `v3/rooms/${enc(roomId)}/redact/${enc(eventId)}/r1`, { reason: 'typo' });
    for (const client of [ana, ben]) {
      const event = await client.ok('GET', `v3/rooms/${enc(roomId)}/event/${enc(eventId)}`);
      expect(event.content).toEqual({});
      expect(event.unsigned.redacted_because).toMatchObject({
        event_id: redaction.event_id,
        redacts: eventId,
        content: { reason: 'typo', redacts: eventId },
      });
    }
    const page = await ana.ok('GET', `v3/rooms/${enc(roomId)}/messages?dir=b&limit=100`);
    expect(JSON.stringify(page)).not.toContain('regret');
  });

  it.each(supportedRoomVersions)('works in version %s, repeated as often as one likes', async (version) => {
    const room = await ana.createRoom({ room_version: version });
    const eventId = await ana.say(room, 'gone');
    const path = `v3/rooms/${enc(room)}/redact/${enc(eventId)}/again`;
    const first = await ana.ok('PUT', path, {});
    expect((await ana.ok('PUT', path, {})).event_id).toBe(first.event_id);
    expect((await ana.ok('GET', `v3/rooms/${enc(room)}/event/${enc(eventId)}`)).content).toEqual({});
  });

  it('others may only be redacted with the power to', async () => {
    const eventId = await ana.say(roomId, 'stays');
    const { status, body } = await ben.request('PUT', `v3/rooms/${enc(roomId)}/redact/${enc(eventId)}/r2`, {});
    expect([status, body.errcode]).toEqual([403, 'M_FORBIDDEN']);
    expect((await ben.ok('GET', `v3/rooms/${enc(roomId)}/event/${enc(eventId)}`)).content.body).toBe('stays');
  });

  it('A1.13 an event of another room cannot be redacted from here', async () => {
    const elsewhere = await ana.createRoom({});
    const eventId = await ana.say(elsewhere, 'safe');
    expect((await ana.request('PUT', `v3/rooms/${enc(roomId)}/redact/${enc(eventId)}/r3`, {})).body.errcode).toBe(
      'M_NOT_FOUND',
    );
  });
});
