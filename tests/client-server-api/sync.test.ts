import pg from 'pg';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { enc, registerClient, type TestClient } from '../harness/client.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { bodies, filterOf, sync, types } from '../harness/sync.ts';

const server = await startHomeserver();
let ana: TestClient;
let ben: TestClient;

beforeAll(async () => {
  ana = await registerClient(server.baseUrl, 'ana');
  ben = await registerClient(server.baseUrl, 'ben');
});

// biome-ignore lint/suspicious/noExplicitAny: what tests look into
type Body = any;

async function publicRoom(...members: TestClient[]): Promise<string> {
  const roomId = await ana.createRoom({ preset: 'public_chat' });
  for (const member of members) await member.join(roomId);
  return roomId;
}

/** New users, named after the test. */
async function people(name: string, count: number): Promise<TestClient[]> {
  const names = Array.from({ length: count }, (_, index) => `${name}${index}`);
  return await Promise.all(names.map((username) => registerClient(server.baseUrl, username)));
}

describe('an initial sync', () => {
  it('of a new user has push rules and no rooms', async () => {
    const answer = await sync(await registerClient(server.baseUrl, 'new'));
    expect(answer.rooms).toBeUndefined();
    expect(answer.account_data.events.map((event: { type: string }) => event.type)).toEqual(['m.push_rules']);
    expect(answer.next_batch).toMatch(/^s\d+_/);
  });

  it('cuts a long timeline, gives the state before it, and a token to page back with', async () => {
    const roomId = await publicRoom();
    for (let index = 0; index < 15; index++) await ana.say(roomId, `m${index}`);
    const room = (await sync(ana, { filter: filterOf({ timeline: { limit: 10 } }) })).rooms.join[roomId];
    expect(bodies(room.timeline.events)).toEqual(Array.from({ length: 10 }, (_, index) => `m${index + 5}`));
    expect(room.timeline.limited).toBe(true);
    expect(types(room.state.events)).toContain('m.room.create');
    const page = await ana.ok('GET', `v3/rooms/${enc(roomId)}/messages?dir=b&limit=5&from=${room.timeline.prev_batch}`);
    expect(bodies(page.chunk)).toEqual(['m4', 'm3', 'm2', 'm1', 'm0']);
  });

  it('gives state and timeline without an overlap', async () => {
    const roomId = await publicRoom();
    const room = (await sync(ana)).rooms.join[roomId];
    expect(types(room.timeline.events)[0]).toBe('m.room.create');
    expect(room.state.events).toEqual([]);
  });

  it('leaves the room id out of events, because it is the key of their room', async () => {
    const roomId = await publicRoom();
    const eventId = await ana.say(roomId, 'gone');
    await ana.ok('PUT', `v3/rooms/${enc(roomId)}/redact/${enc(eventId)}/r1`, {});
    const filter = filterOf({ rooms: [roomId], timeline: { limit: 2 } });
    const { state, timeline } = (await sync(ana, { filter })).rooms.join[roomId];
    expect(timeline.events[0].unsigned.redacted_because.type).toBe('m.room.redaction');
    expect(JSON.stringify([state, timeline])).not.toContain('"room_id"');
  });

  it('calls a room by those who have left only when nobody else is in it', async () => {
    const roomId = await publicRoom(ben);
    const cyn = await registerClient(server.baseUrl, 'heroine');
    await cyn.join(roomId);
    const heroes = async () => (await sync(ana)).rooms.join[roomId].summary['m.heroes'];
    await ben.ok('POST', `v3/rooms/${enc(roomId)}/leave`, {});
    expect(await heroes()).toEqual([cyn.userId]);
    await cyn.ok('POST', `v3/rooms/${enc(roomId)}/leave`, {});
    expect([...(await heroes())].sort()).toEqual([ben.userId, cyn.userId].sort());
  });

  it('summarises members, and whom a room without a name may be called by', async () => {
    const roomId = await publicRoom(ben);
    const room = (await sync(ana)).rooms.join[roomId];
    expect(room.summary).toEqual({
      'm.heroes': [ben.userId],
      'm.joined_member_count': 2,
      'm.invited_member_count': 0,
    });
  });
});

describe('an incremental sync', () => {
  it('has what came since, once, and nothing else', async () => {
    const roomId = await publicRoom(ben);
    const since = (await sync(ben)).next_batch;
    await ana.say(roomId, 'one');
    await ana.say(roomId, 'two');
    const answer = await sync(ben, { since });
    expect(Object.keys(answer.rooms.join)).toEqual([roomId]);
    const room = answer.rooms.join[roomId];
    expect(bodies(room.timeline.events)).toEqual(['one', 'two']);
    expect(room.timeline.limited).toBe(false);
    expect(room.state.events).toEqual([]);
    expect(await sync(ben, { since: answer.next_batch })).toEqual({ next_batch: answer.next_batch });
  });

  it('can be asked again with the same token and answers the same', async () => {
    const roomId = await publicRoom(ben);
    const since = (await sync(ben)).next_batch;
    const eventId = await ana.say(roomId, 'again');
    for (let round = 0; round < 2; round++) {
      const { timeline } = (await sync(ben, { since })).rooms.join[roomId];
      expect(timeline.events.map((event: { event_id: string }) => event.event_id)).toEqual([eventId]);
    }
  });

  it('with a gap is limited and has the state that changed within the gap', async () => {
    const roomId = await publicRoom(ben);
    const since = (await sync(ben)).next_batch;
    await ana.setState(roomId, 'm.room.topic', { topic: 'in the gap' });
    for (let index = 0; index < 12; index++) await ana.say(roomId, `m${index}`);
    const room = (await sync(ben, { since, filter: filterOf({ timeline: { limit: 10 } }) })).rooms.join[roomId];
    expect(room.timeline.limited).toBe(true);
    expect(room.timeline.events).toHaveLength(10);
    expect(types(room.state.events)).toEqual(['m.room.topic']);
  });

  it('without room for a timeline has the state that changed all the same', async () => {
    const roomId = await publicRoom(ben);
    const since = (await sync(ben)).next_batch;
    await ana.setState(roomId, 'm.room.topic', { topic: 'unheard' });
    const room = (await sync(ben, { since, filter: filterOf({ timeline: { limit: 0 } }) })).rooms.join[roomId];
    expect([room.timeline.limited, room.timeline.events]).toEqual([true, []]);
    expect(types(room.state.events)).toEqual(['m.room.topic']);
  });

  it('names those whom a room may be called by once it has lost its name', async () => {
    const roomId = await ana.createRoom({ preset: 'public_chat', name: 'Named' });
    await ben.join(roomId);
    const before = await sync(ben);
    expect(before.rooms.join[roomId].summary).not.toHaveProperty('m.heroes');
    await ana.setState(roomId, 'm.room.name', {});
    const room = (await sync(ben, { since: before.next_batch })).rooms.join[roomId];
    expect(room.summary['m.heroes']).toEqual([ana.userId]);
  });

  it('with use_state_after has the state at the end of the timeline', async () => {
    const roomId = await publicRoom(ben);
    const since = (await sync(ben)).next_batch;
    await ana.setState(roomId, 'm.room.topic', { topic: 'new' });
    await ana.say(roomId, 'after');
    const room = (await sync(ben, { since, use_state_after: 'true' })).rooms.join[roomId];
    expect(room).not.toHaveProperty('state');
    expect(types(room.state_after.events)).toEqual(['m.room.topic']);
  });

  it('of a room joined since has all of its state', async () => {
    const roomId = await publicRoom();
    const since = (await sync(ben)).next_batch;
    for (let index = 0; index < 25; index++) await ana.say(roomId, `m${index}`);
    await ben.join(roomId);
    const room = (await sync(ben, { since })).rooms.join[roomId];
    expect(types(room.state.events)).toContain('m.room.create');
    expect(room.timeline.events.at(-1).state_key).toBe(ben.userId);
  });

  it('after rejoining has the gap since the user left', async () => {
    const roomId = await publicRoom(ben);
    await ben.ok('POST', `v3/rooms/${enc(roomId)}/leave`, {});
    const since = (await sync(ben)).next_batch;
    await ana.setState(roomId, 'm.room.topic', { topic: 'without ben' });
    await ben.join(roomId);
    const room = (await sync(ben, { since })).rooms.join[roomId];
    const shown = [...room.state.events, ...room.timeline.events];
    expect(types(shown)).toEqual(expect.arrayContaining(['m.room.create', 'm.room.topic']));
  });

  it('A3.2 says goodbye to a room that was left, and then no more of it', async () => {
    const roomId = await publicRoom(ben);
    const since = (await sync(ben)).next_batch;
    await ana.say(roomId, 'before');
    await ana.ok('POST', `v3/rooms/${enc(roomId)}/kick`, { user_id: ben.userId });
    await ana.say(roomId, 'after');
    await ana.setState(roomId, 'm.room.topic', { topic: 'secret' });
    const answer = await sync(ben, { since });
    const left = answer.rooms.leave[roomId];
    expect(bodies(left.timeline.events)).toEqual(['before']);
    expect(left.timeline.events.at(-1).content.membership).toBe('leave');
    expect(JSON.stringify(answer)).not.toContain('secret');
    expect((await sync(ben, { since: answer.next_batch })).rooms).toBeUndefined();
    const all = await sync(ben, { filter: filterOf({ include_leave: true }) });
    expect(JSON.stringify(all.rooms.leave[roomId])).not.toContain('secret');
    expect((await sync(ben)).rooms?.leave).toBeUndefined();
  });

  it('refuses tokens that are not of this server, and those from its future', async () => {
    const ours = (await sync(ana)).next_batch;
    for (const since of ['', 'nonsense', 't5', `${ours}x`, ours.replace(/^s\d+/, 's999999999999')]) {
      const { status, body } = await ana.request('GET', `v3/sync?since=${since}`);
      expect([status, body.errcode]).toEqual([400, 'M_INVALID_PARAM']);
    }
  });

  it('with full_state has all state even where nothing is new', async () => {
    const roomId = await publicRoom(ben);
    const since = (await sync(ben)).next_batch;
    const room = (await sync(ben, { since, full_state: 'true' })).rooms.join[roomId];
    expect(types(room.state.events)).toContain('m.room.create');
    expect(room.timeline.events).toEqual([]);
  });
});

describe('a long poll', () => {
  it('answers as soon as something comes', async () => {
    const roomId = await publicRoom(ben);
    const since = (await sync(ben)).next_batch;
    const waiting = sync(ben, { since, timeout: '30000' });
    await ana.say(roomId, 'wake up');
    expect(bodies((await waiting).rooms.join[roomId].timeline.events)).toEqual(['wake up']);
  });

  it('sleeps through what is none of the user’s business', async () => {
    const foreign = await ana.createRoom({});
    const since = (await sync(ben)).next_batch;
    const waiting = sync(ben, { since, timeout: '400' });
    await ana.say(foreign, 'not for ben');
    expect((await waiting).rooms).toBeUndefined();
  });

  it.each([
    ['an invite', () => ana.createRoom({ invite: [ben.userId] }), (answer: Body) => answer.rooms?.invite],
    [
      'account data',
      () => ben.ok('PUT', `v3/user/${enc(ben.userId)}/account_data/org.parley.x`, { a: 1 }),
      (answer: Body) => answer.account_data?.events,
    ],
    [
      'typing',
      (path: string) => ana.ok('PUT', path, { typing: true, timeout: 20000 }),
      (answer: Body) => answer.rooms?.join,
    ],
  ])('wakes for %s', async (_what, act, seen) => {
    const roomId = await publicRoom(ben);
    const since = (await sync(ben)).next_batch;
    const waiting = sync(ben, { since, timeout: '20000' });
    await act(`v3/rooms/${enc(roomId)}/typing/${enc(ana.userId)}`);
    expect(seen(await waiting)).toBeDefined();
  });

  it('and the message that ends it take six statements, however many rooms the user is in', async () => {
    const [tom, liz] = (await people('thrifty', 2)) as [TestClient, TestClient];
    const rooms: string[] = [];
    for (let index = 0; index < 5; index++) {
      rooms.push(await tom.createRoom({ preset: 'public_chat' }));
      await liz.join(rooms[index] ?? '');
    }
    const queries = vi.spyOn(pg.Client.prototype, 'query');
    onTestFinished(() => queries.mockRestore());
    let since = (await sync(liz)).next_batch;
    const counts: number[] = [];
    for (let round = 0; round < 8; round++) {
      const waiting = sync(liz, { since, timeout: '60000' });
      queries.mockClear();
      await tom.say(rooms[round % 5] ?? '', 'hello');
      const answer = await waiting;
      expect(bodies(answer.rooms.join[rooms[round % 5] ?? ''].timeline.events)).toEqual(['hello']);
      counts.push(queries.mock.calls.length);
      since = answer.next_batch;
    }
    // The server asks for other things at times, too.
    expect(Math.min(...counts)).toBeLessThanOrEqual(6);
  });

  it('shows who is typing until they stop', async () => {
    const roomId = await publicRoom(ben);
    const path = `v3/rooms/${enc(roomId)}/typing/${enc(ana.userId)}`;
    const typing = (answer: Body) => answer.rooms?.join?.[roomId]?.ephemeral.events[0]?.content.user_ids;
    const since = (await sync(ben)).next_batch;
    await ana.ok('PUT', path, { typing: true, timeout: 20000 });
    const next = await ben.syncUntil(since, (answer) =>
      typing(answer)?.includes(ana.userId) ? answer.next_batch : undefined,
    );
    await ana.ok('PUT', path, { typing: false });
    expect(await ben.syncUntil(next, typing)).toEqual([]);
  });
});

describe('filters', () => {
  it('choose rooms, types and senders', async () => {
    const one = await publicRoom(ben);
    const other = await publicRoom(ben);
    await ana.say(one, 'from ana');
    await ben.say(one, 'from ben');
    const only = await sync(ben, { filter: filterOf({ rooms: [one] }) });
    expect(Object.keys(only.rooms.join)).toEqual([one]);
    const without = await sync(ben, { filter: filterOf({ not_rooms: [one] }) });
    expect(Object.keys(without.rooms.join)).toContain(other);
    expect(Object.keys(without.rooms.join)).not.toContain(one);
    const messages = await sync(ben, {
      filter: filterOf({ rooms: [one], timeline: { types: ['m.room.message'], not_senders: [ben.userId] } }),
    });
    expect(bodies(messages.rooms.join[one].timeline.events)).toEqual(['from ana']);
  });

  it('can be uploaded and named by their id', async () => {
    const { filter_id: id } = await ben.ok('POST', `v3/user/${enc(ben.userId)}/filter`, { room: { rooms: [] } });
    expect((await sync(ben, { filter: id })).rooms).toBeUndefined();
    expect((await ben.request('GET', 'v3/sync?filter=unknown')).status).toBe(400);
  });

  const members = (events: { type: string; state_key: string }[]) =>
    events.filter((event) => event.type === 'm.room.member').map((event) => event.state_key);

  it('load members lazily: the senders of the timeline, oneself, and whom the room may be called by', async () => {
    const others = await people('lazy', 8);
    const roomId = await publicRoom(ben, ...others);
    const last = others.at(-1) as TestClient;
    for (let index = 0; index < 5; index++) await last.say(roomId, `m${index}`);
    const lazy = filterOf({ rooms: [roomId], state: { lazy_load_members: true }, timeline: { limit: 3 } });
    const { state, summary } = (await sync(ana, { filter: lazy })).rooms.join[roomId];
    expect(summary['m.heroes']).toHaveLength(5);
    expect(members(state.events).sort()).toEqual([...summary['m.heroes'], ana.userId, last.userId].sort());
    await ana.setState(roomId, 'm.room.name', { name: 'Named' });
    const named = (await sync(ana, { filter: lazy })).rooms.join[roomId];
    expect(members(named.state.events).sort()).toEqual([ana.userId, last.userId].sort());
  });

  it('leave no gap in lazily loaded members: who came, went or changed within one is told', async () => {
    const [one, two] = (await people('gap', 2)) as [TestClient, TestClient];
    const roomId = await publicRoom(ben, one);
    const lazy = filterOf({ rooms: [roomId], state: { lazy_load_members: true }, timeline: { limit: 3 } });
    const since = (await sync(ana, { filter: lazy })).next_batch;
    await one.ok('POST', `v3/rooms/${enc(roomId)}/leave`, {});
    await two.join(roomId);
    for (let index = 0; index < 5; index++) await ben.say(roomId, `m${index}`);
    for (const after of ['false', 'true']) {
      const room = (await sync(ana, { filter: lazy, since, use_state_after: after })).rooms.join[roomId];
      const { events } = room.state ?? room.state_after;
      expect(members(events)).toEqual(expect.arrayContaining([one.userId, two.userId]));
    }
  });
});

describe('ignored users', () => {
  it('are not heard, and cannot invite', async () => {
    const dan = await registerClient(server.baseUrl, 'dan');
    const roomId = await publicRoom(dan, ben);
    await dan.ok('PUT', `v3/user/${enc(dan.userId)}/account_data/m.ignored_user_list`, {
      ignored_users: { [ben.userId]: {} },
    });
    const since = (await sync(dan)).next_batch;
    await ben.say(roomId, 'psst');
    await ana.say(roomId, 'hello');
    await ben.createRoom({ invite: [dan.userId] });
    const answer = await sync(dan, { since });
    expect(bodies(answer.rooms.join[roomId].timeline.events)).toEqual(['hello']);
    expect(answer.rooms.invite).toBeUndefined();
  });
});
