import { beforeEach, describe, expect, it } from 'vitest';
import { enc, registerClient, type TestClient } from '../harness/client.ts';
import { startHomeserver } from '../harness/homeserver.ts';

const server = await startHomeserver();
let users = 0;
let ana: TestClient;
let ben: TestClient;
let roomId: string;

beforeEach(async () => {
  users += 1;
  ana = await registerClient(server.baseUrl, `ana${users}`);
  ben = await registerClient(server.baseUrl, `ben${users}`);
  roomId = await ana.createRoom({ preset: 'public_chat' });
  await ben.join(roomId);
});

function read(client: TestClient, type: string, eventId: string, body: unknown = {}) {
  return client.request('POST', `v3/rooms/${enc(roomId)}/receipt/${type}/${enc(eventId)}`, body);
}

async function roomOf(client: TestClient, filter = {}) {
  const answer = await client.ok('GET', `v3/sync?filter=${enc(JSON.stringify(filter))}`);
  return answer.rooms.join[roomId];
}

async function unread(client: TestClient) {
  return (await roomOf(client)).unread_notifications;
}

describe('receipts', () => {
  it('public ones are seen by all, private ones by their owner alone', async () => {
    const eventId = await ana.say(roomId, 'read me');
    expect((await read(ben, 'm.read', eventId)).status).toBe(200);
    expect((await read(ben, 'm.read.private', eventId)).status).toBe(200);
    const content = async (client: TestClient) => {
      const { ephemeral } = await roomOf(client);
      return ephemeral.events.find((event: { type: string }) => event.type === 'm.receipt')?.content[eventId];
    };
    expect(Object.keys(await content(ana))).toEqual(['m.read']);
    expect(Object.keys(await content(ben)).sort()).toEqual(['m.read', 'm.read.private']);
  });

  it('never move back', async () => {
    const first = await ana.say(roomId, 'first');
    const second = await ana.say(roomId, 'second');
    await read(ben, 'm.read', second);
    expect((await read(ben, 'm.read', first)).status).toBe(200);
    const { ephemeral } = await roomOf(ana);
    const receipts = ephemeral.events.find((event: { type: string }) => event.type === 'm.receipt').content;
    expect(Object.keys(receipts)).toEqual([second]);
  });

  it('need a type that there is, and membership', async () => {
    const eventId = await ana.say(roomId, 'x');
    expect((await read(ben, 'm.seen', eventId)).body.errcode).toBe('M_INVALID_PARAM');
    const cyn = await registerClient(server.baseUrl, `cyn${users}`);
    expect((await read(cyn, 'm.read', eventId)).body.errcode).toBe('M_FORBIDDEN');
    expect((await read(ben, 'm.read', eventId, { thread_id: '' })).body.errcode).toBe('M_INVALID_PARAM');
  });

  it('A3.1 are refused for events that the user cannot have read, whether there are any or not, and change nothing', async () => {
    const cyn = await registerClient(server.baseUrl, `cyn${users}`);
    const hidden = await ana.createRoom({
      initial_state: [{ type: 'm.room.history_visibility', content: { history_visibility: 'joined' } }],
      preset: 'public_chat',
    });
    const before = await ana.say(hidden, 'before cyn came');
    await cyn.join(hidden);
    const elsewhere = await ana.say(roomId, 'elsewhere');
    const after = await ana.say(hidden, 'after');
    const answers = [];
    for (const eventId of [before, elsewhere, '$unknown', 'no event id'])
      for (const type of ['m.read', 'm.read.private', 'm.fully_read']) {
        const path = `v3/rooms/${enc(hidden)}/receipt/${type}/${enc(eventId)}`;
        const { status, body } = await cyn.request('POST', path, {});
        answers.push(`${status} ${JSON.stringify(body)}`);
      }
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toMatch(/^404 .*M_NOT_FOUND/);
    const markers = { 'm.fully_read': after, 'm.read': '$unknown' };
    expect((await cyn.request('POST', `v3/rooms/${enc(hidden)}/read_markers`, markers)).status).toBe(404);
    const { rooms } = await cyn.ok('GET', 'v3/sync');
    expect(rooms.join[hidden].account_data.events).toEqual([]);
    expect(JSON.stringify(rooms.join[hidden].ephemeral)).not.toContain('m.read');
  });

  it('count for the thread that the event is in, at most three relations away, and for no other', async () => {
    const root = await ana.say(roomId, 'root');
    let txn = 0;
    const relate = async (rel_type: string, event_id: string) => {
      const path = `v3/rooms/${enc(roomId)}/send/m.room.message/thread${txn++}`;
      const content = { msgtype: 'm.text', body: 'x', 'm.relates_to': { rel_type, event_id } };
      return (await ana.ok('PUT', path, content)).event_id;
    };
    const answer = await relate('m.thread', root);
    const chain = [answer];
    for (let i = 0; i < 4; i++) chain.push(await relate('m.reference', chain.at(-1) ?? ''));
    const about = await relate('m.reference', root);
    const status = async (eventId: string, thread: string) =>
      (await read(ben, 'm.read', eventId, { thread_id: thread })).status;
    for (const eventId of chain.slice(0, 4))
      expect([await status(eventId, root), await status(eventId, 'main')]).toEqual([200, 400]);
    expect([await status(chain[4] ?? '', root), await status(chain[4] ?? '', 'main')]).toEqual([400, 200]);
    expect([await status(about, root), await status(about, 'main')]).toEqual([400, 200]);
    expect([await status(root, root), await status(root, 'main')]).toEqual([200, 200]);
    expect((await read(ben, 'm.read', answer, { thread_id: '$made_up' })).body.errcode).toBe('M_INVALID_PARAM');
  });

  it('several markers can be set at once, the fully-read one as account data', async () => {
    const eventId = await ana.say(roomId, 'x');
    await ben.ok('POST', `v3/rooms/${enc(roomId)}/read_markers`, { 'm.fully_read': eventId, 'm.read': eventId });
    const room = await roomOf(ben);
    expect(room.account_data.events).toContainEqual({ type: 'm.fully_read', content: { event_id: eventId } });
    expect(room.unread_notifications.notification_count).toBe(0);
  });
});

describe('unread counts', () => {
  it('count messages of others since the last receipt, and mentions among them', async () => {
    await ana.say(roomId, 'one');
    await ana.ok('PUT', `v3/rooms/${enc(roomId)}/send/m.room.message/m`, {
      msgtype: 'm.text',
      body: 'hey',
      'm.mentions': { user_ids: [ben.userId] },
    });
    expect(await unread(ben)).toEqual({ notification_count: 2, highlight_count: 1 });
    expect(await unread(ana)).toEqual({ notification_count: 0, highlight_count: 0 });
    const last = await ana.say(roomId, 'three');
    expect(await unread(ben)).toEqual({ notification_count: 3, highlight_count: 1 });
    await read(ben, 'm.read.private', last);
    expect(await unread(ben)).toEqual({ notification_count: 0, highlight_count: 0 });
  });

  it('start again with one’s own message', async () => {
    await ana.say(roomId, 'a question');
    await ben.say(roomId, 'an answer');
    expect((await unread(ben)).notification_count).toBe(0);
  });

  it('do not count what came before joining, nor what was redacted', async () => {
    await ana.say(roomId, 'old news');
    const cyn = await registerClient(server.baseUrl, `cyn${users}`);
    await cyn.join(roomId);
    expect((await unread(cyn)).notification_count).toBe(0);
    const eventId = await ana.say(roomId, 'oops');
    await ana.ok('PUT', `v3/rooms/${enc(roomId)}/redact/${enc(eventId)}/r`, {});
    expect((await unread(cyn)).notification_count).toBe(0);
  });

  it('forget what is redacted after it was counted', async () => {
    await ana.say(roomId, 'stays');
    const mention = { msgtype: 'm.text', body: 'hey', 'm.mentions': { user_ids: [ben.userId] } };
    const { event_id: eventId } = await ana.ok('PUT', `v3/rooms/${enc(roomId)}/send/m.room.message/hey`, mention);
    expect(await unread(ben)).toEqual({ notification_count: 2, highlight_count: 1 });
    await ana.ok('PUT', `v3/rooms/${enc(roomId)}/redact/${enc(eventId)}/r`, {});
    expect(await unread(ben)).toEqual({ notification_count: 1, highlight_count: 0 });
  });

  it('do not count users who are ignored', async () => {
    await ana.say(roomId, 'one');
    expect((await unread(ben)).notification_count).toBe(1);
    const path = `v3/user/${enc(ben.userId)}/account_data/m.ignored_user_list`;
    await ben.ok('PUT', path, { ignored_users: { [ana.userId]: {} } });
    await ana.say(roomId, 'two');
    expect((await unread(ben)).notification_count).toBe(0);
    await ben.ok('PUT', path, { ignored_users: {} });
    expect((await unread(ben)).notification_count).toBe(2);
  });

  it('survive a change of one’s name', async () => {
    await ana.say(roomId, 'unread');
    await ben.ok('PUT', `v3/profile/${enc(ben.userId)}/displayname`, { displayname: 'New name' });
    await ana.syncUntil(undefined, (answer) =>
      JSON.stringify(answer.rooms?.join?.[roomId] ?? {}).includes('New name') ? true : undefined,
    );
    expect((await unread(ben)).notification_count).toBe(1);
  });

  it('follow the push rules of the user', async () => {
    await ben.ok('PUT', `v3/pushrules/global/room/${enc(roomId)}`, { actions: [] });
    await ana.say(roomId, 'muted');
    expect((await unread(ben)).notification_count).toBe(0);
  });

  it('follow what the user is called now, and who may notify the room now', async () => {
    const highlight = { actions: ['notify', { set_tweak: 'highlight' }] };
    const isNamed = { ...highlight, conditions: [{ kind: 'contains_display_name' }] };
    await ben.ok('PUT', 'v3/pushrules/global/override/named', isNamed);
    const highlights = async (client: TestClient) => (await unread(client)).highlight_count;
    await ana.say(roomId, 'hello Zed');
    expect(await highlights(ben)).toBe(0);
    await ben.ok('PUT', `v3/profile/${enc(ben.userId)}/displayname`, { displayname: 'Zed' });
    await ana.syncUntil(undefined, (answer) =>
      JSON.stringify(answer.rooms?.join?.[roomId] ?? {}).includes('"Zed"') ? true : undefined,
    );
    await ana.say(roomId, 'hello again, Zed');
    expect(await highlights(ben)).toBe(1);

    const toAll = { msgtype: 'm.text', body: 'all', 'm.mentions': { room: true } };
    await ben.ok('PUT', `v3/rooms/${enc(roomId)}/send/m.room.message/all1`, toAll);
    expect(await highlights(ana)).toBe(0);
    const levels = `v3/rooms/${enc(roomId)}/state/m.room.power_levels`;
    const { users: inPower, ...others } = await ana.ok('GET', levels);
    await ana.ok('PUT', levels, { ...others, users: { ...inPower, [ben.userId]: 50 } });
    await ben.ok('PUT', `v3/rooms/${enc(roomId)}/send/m.room.message/all2`, toAll);
    expect(await highlights(ana)).toBe(1);
  });

  it('are kept by thread where the client asks for it', async () => {
    const root = await ana.say(roomId, 'root');
    const { event_id: inThread } = await ana.ok('PUT', `v3/rooms/${enc(roomId)}/send/m.room.message/t1`, {
      msgtype: 'm.text',
      body: 'in thread',
      'm.relates_to': { rel_type: 'm.thread', event_id: root },
    });
    const filter = { room: { timeline: { unread_thread_notifications: true } } };
    const room = await roomOf(ben, filter);
    expect(room.unread_notifications.notification_count).toBe(1);
    expect(room.unread_thread_notifications).toEqual({ [root]: { notification_count: 1, highlight_count: 0 } });
    expect((await unread(ben)).notification_count).toBe(2);
    await read(ben, 'm.read', root, { thread_id: 'main' });
    const later = await roomOf(ben, filter);
    expect(later.unread_notifications.notification_count).toBe(0);
    expect(later.unread_thread_notifications[root].notification_count).toBe(1);
    // What relates to a message of the thread is in it, as receipts have it.
    const about = await ana.ok('PUT', `v3/rooms/${enc(roomId)}/send/m.room.message/about`, {
      msgtype: 'm.text',
      body: 'about it',
      'm.relates_to': { rel_type: 'm.reference', event_id: inThread },
    });
    const counted = await roomOf(ben, filter);
    expect(counted.unread_notifications.notification_count).toBe(0);
    expect(counted.unread_thread_notifications[root].notification_count).toBe(2);
    await read(ben, 'm.read', about.event_id, { thread_id: root });
    expect((await roomOf(ben, filter)).unread_thread_notifications).toEqual({});
  });
});
