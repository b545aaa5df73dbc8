import { beforeAll, describe, expect, it } from 'vitest';
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

async function publicRoom(...members: TestClient[]): Promise<string> {
  const roomId = await ana.createRoom({ preset: 'public_chat' });
  for (const member of members) await member.join(roomId);
  return roomId;
}

async function send(roomId: string, type: string, content: object): Promise<void> {
  await ana.ok('PUT', `v3/rooms/${enc(roomId)}/send/${type}/${crypto.randomUUID()}`, content);
}

describe('a timeline filter', () => {
  it('reaches its limit behind all that it leaves out, and says what is before', async () => {
    const roomId = await publicRoom();
    const since = (await sync(ana)).next_batch;
    for (const text of ['one', 'two', 'three']) await ana.say(roomId, text);
    for (let index = 0; index < 5; index++) await send(roomId, 'org.example.noise', { index });
    const timeline = { limit: 2, types: ['m.room.message'] };
    for (const query of [{}, { since }] as Record<string, string>[]) {
      const room = (await sync(ana, { ...query, filter: filterOf({ rooms: [roomId], timeline }) })).rooms.join[roomId];
      expect([bodies(room.timeline.events), room.timeline.limited]).toEqual([['two', 'three'], true]);
      const from = room.timeline.prev_batch;
      const page = await ana.ok('GET', `v3/rooms/${enc(roomId)}/messages?dir=b&limit=1&from=${from}`);
      expect(bodies(page.chunk)).toEqual(['one']);
    }
    const all = await sync(ana, { filter: filterOf({ rooms: [roomId], timeline: { ...timeline, limit: 3 } }) });
    expect(all.rooms.join[roomId].timeline).toMatchObject({ limited: false });
  });

  it('looks at a thousand events at most, and says where what it wants may go on', async () => {
    const roomId = await publicRoom();
    const since = (await sync(ana)).next_batch;
    await ana.say(roomId, 'long ago');
    const timeline = { types: ['m.room.message'] };
    const filter = filterOf({ rooms: [roomId], timeline });
    const noise = async (count: number) => {
      await Promise.all(Array.from({ length: count }, (_, index) => send(roomId, 'org.example.noise', { index })));
    };
    const timelineOf = async (query: Record<string, string>) =>
      (await sync(ana, { ...query, filter })).rooms.join[roomId].timeline;
    await noise(900);
    expect(bodies((await timelineOf({ since })).events)).toEqual(['long ago']);
    await noise(300);
    for (const query of [{}, { since }] as Record<string, string>[]) {
      const { events, limited, prev_batch: from } = await timelineOf(query);
      expect([events, limited]).toEqual([[], true]);
      const path = `v3/rooms/${enc(roomId)}/messages?dir=b&from=${from}&filter=${enc(JSON.stringify(timeline))}`;
      expect(bodies((await ana.ok('GET', path)).chunk)).toEqual(['long ago']);
    }
  });

  it('leaves the state of a room that is new to the client whole, though it lets no state into the timeline', async () => {
    const roomId = await publicRoom();
    await ana.say(roomId, 'hello');
    for (const wanted of ['m.room.message', 'org.example.none']) {
      const filter = filterOf({ rooms: [roomId], timeline: { types: [wanted] } });
      const room = (await sync(ana, { filter })).rooms.join[roomId];
      expect(types(room.state.events)).toEqual(expect.arrayContaining(['m.room.create', 'm.room.member']));
    }
  });

  it('does not wake a client for what it leaves out', async () => {
    const roomId = await publicRoom(ben);
    const filter = filterOf({ timeline: { not_types: ['org.example.noise'] } });
    const since = (await sync(ben, { filter })).next_batch;
    const waiting = sync(ben, { since, filter, timeout: '20000' });
    await send(roomId, 'org.example.noise', {});
    await ana.say(roomId, 'wake up');
    expect(bodies((await waiting).rooms.join[roomId].timeline.events)).toEqual(['wake up']);
    await send(roomId, 'org.example.noise', {});
    expect((await sync(ben, { since: (await waiting).next_batch, filter })).rooms).toBeUndefined();
  });

  it('keeps the member count right when it leaves out who comes and goes', async () => {
    const roomId = await publicRoom();
    const filter = filterOf({ rooms: [roomId], timeline: { types: ['m.room.message'] } });
    const since = (await sync(ana, { filter })).next_batch;
    await ana.say(roomId, 'hello');
    await ben.join(roomId);
    const { summary } = (await sync(ana, { filter, since })).rooms.join[roomId];
    expect(summary['m.joined_member_count']).toBe(2);
  });

  it('chooses by what relates to an event', async () => {
    const roomId = await publicRoom();
    const root = await ana.say(roomId, 'root');
    await ana.say(roomId, 'other');
    await send(roomId, 'm.room.message', {
      body: 'reply',
      msgtype: 'm.text',
      'm.relates_to': { rel_type: 'm.thread', event_id: root },
    });
    const filter = filterOf({ rooms: [roomId], timeline: { related_by_rel_types: ['m.thread'] } });
    expect(bodies((await sync(ana, { filter })).rooms.join[roomId].timeline.events)).toEqual(['root']);
  });

  it('counts for a room that was left, too, as far as the user was in it', async () => {
    const roomId = await publicRoom(ben);
    const since = (await sync(ben)).next_batch;
    for (const text of ['one', 'two']) await ana.say(roomId, text);
    await ben.ok('POST', `v3/rooms/${enc(roomId)}/leave`, {});
    await ana.say(roomId, 'secret');
    const timeline = { limit: 1, types: ['m.room.message'] };
    const filter = filterOf({ rooms: [roomId], timeline, include_leave: true });
    for (const query of [{}, { since }] as Record<string, string>[]) {
      const left = (await sync(ben, { ...query, filter })).rooms.leave[roomId];
      expect([bodies(left.timeline.events), left.timeline.limited]).toEqual([['two'], true]);
    }
    const none = filterOf({ rooms: [roomId], timeline: { limit: 0 } });
    const left = (await sync(ben, { since, filter: none })).rooms.leave[roomId];
    expect([left.timeline.events, left.timeline.limited]).toEqual([[], true]);
    expect(types(left.state.events)).toEqual(['m.room.member']);
  });
});

describe('event_format federation', () => {
  it('shows events as servers exchange them, redacted where they are', async () => {
    const roomId = await publicRoom();
    const kept = await ana.say(roomId, 'kept');
    const gone = await ana.say(roomId, 'gone');
    await ana.ok('PUT', `v3/rooms/${enc(roomId)}/redact/${enc(gone)}/r`, {});
    const room = { rooms: [roomId], timeline: { limit: 3 } };
    const answer = await sync(ana, { filter: JSON.stringify({ event_format: 'federation', room }) });
    const { timeline, state } = answer.rooms.join[roomId];
    const [first, second] = timeline.events;
    expect(first).toMatchObject({ event_id: kept, room_id: roomId, content: { body: 'kept' }, sender: ana.userId });
    for (const key of ['auth_events', 'prev_events', 'depth', 'hashes', 'signatures', 'unsigned'])
      for (const event of [first, ...state.events]) expect(event).toHaveProperty(key);
    expect([second.event_id, second.content]).toEqual([gone, {}]);
    expect(second.unsigned.redacted_because.type).toBe('m.room.redaction');
  });
});

describe('use_state_after', () => {
  it('names the state so in every section that has any', async () => {
    const left = await publicRoom(ben);
    const declined = await ana.createRoom({ invite: [ben.userId] });
    const since = (await sync(ben)).next_batch;
    for (const roomId of [left, declined]) await ben.ok('POST', `v3/rooms/${enc(roomId)}/leave`, {});
    const { leave } = (await sync(ben, { since, use_state_after: 'true' })).rooms;
    for (const roomId of [left, declined]) {
      expect(leave[roomId].state_after).toBeDefined();
      expect(leave[roomId].state).toBeUndefined();
    }
    expect(types(leave[left].state_after.events)).toEqual(['m.room.member']);
  });
});
