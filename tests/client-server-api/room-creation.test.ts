import { afterAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../server/src/storage/database.ts';
import { enc, registerClient } from '../harness/client.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { recordingLogger } from '../harness/recording-logger.ts';

const { logger, lines } = recordingLogger();
const server = await startHomeserver({ logger });
const ana = await registerClient(server.baseUrl, 'ana');
const ben = await registerClient(server.baseUrl, 'ben');

const db = openDatabase({ connection: server.databaseUrl, poolSize: 1 });
afterAll(() => db.close());

async function stateOf(roomId: string, type: string, key = '') {
  return await ana.request('GET', `v3/rooms/${enc(roomId)}/state/${type}/${enc(key)}`);
}

describe('POST /createRoom', () => {
  it('makes a room of version 12 whose id is the hash of its create event', async () => {
    const roomId = await ana.createRoom({});
    const events = await ana.ok('GET', `v3/rooms/${enc(roomId)}/state`);
    const create = events.find((event: { type: string }) => event.type === 'm.room.create');
    expect(create.content).toEqual({ room_version: '12' });
    expect(roomId).toBe(`!${create.event_id.slice(1)}`);
    expect(create.room_id).toBe(roomId);
  });

  it('adds events in the order of the specification', async () => {
    const roomId = await ana.createRoom({
      preset: 'public_chat',
      room_alias_name: 'ordered',
      name: 'Tea',
      topic: 'Hot',
      initial_state: [{ type: 'm.room.avatar', content: { url: 'mxc://a/b' } }],
      invite: [ben.userId],
    });
    const page = await ana.ok('GET', `v3/rooms/${enc(roomId)}/messages?dir=f&limit=50`);
    expect(page.chunk.map((event: { type: string }) => event.type)).toEqual([
      'm.room.create',
      'm.room.member',
      'm.room.power_levels',
      'm.room.canonical_alias',
      'm.room.join_rules',
      'm.room.history_visibility',
      'm.room.guest_access',
      'm.room.avatar',
      'm.room.name',
      'm.room.topic',
      'm.room.member',
    ]);
  });

  it.each([
    ['private_chat', 'invite', 'can_join'],
    ['trusted_private_chat', 'invite', 'can_join'],
    ['public_chat', 'public', 'forbidden'],
  ])('sets what the preset %s stands for', async (preset, joinRule, guestAccess) => {
    const roomId = await ana.createRoom({ preset });
    expect((await stateOf(roomId, 'm.room.join_rules')).body).toEqual({ join_rule: joinRule });
    expect((await stateOf(roomId, 'm.room.guest_access')).body).toEqual({ guest_access: guestAccess });
    expect((await stateOf(roomId, 'm.room.history_visibility')).body).toEqual({ history_visibility: 'shared' });
  });

  it('lets initial_state take precedence over the preset, and name and topic over initial_state', async () => {
    const roomId = await ana.createRoom({
      preset: 'private_chat',
      name: 'Stronger',
      initial_state: [
        { type: 'm.room.join_rules', content: { join_rule: 'public' } },
        { type: 'm.room.name', content: { name: 'Weaker' } },
      ],
    });
    expect((await stateOf(roomId, 'm.room.join_rules')).body).toEqual({ join_rule: 'public' });
    expect((await stateOf(roomId, 'm.room.name')).body).toEqual({ name: 'Stronger' });
  });

  it('does not list creators in the power levels of version 12, and sets the tombstone above state_default', async () => {
    const roomId = await ana.createRoom({});
    const levels = (await stateOf(roomId, 'm.room.power_levels')).body;
    expect(levels.users).toEqual({});
    expect(levels.events['m.room.tombstone']).toBeGreaterThan(levels.state_default);
  });

  it('makes invitees of a trusted private chat additional creators in version 12, and equals before', async () => {
    const newest = await ana.createRoom({ preset: 'trusted_private_chat', invite: [ben.userId] });
    expect((await stateOf(newest, 'm.room.create')).body.additional_creators).toEqual([ben.userId]);
    const older = await ana.createRoom({ preset: 'trusted_private_chat', invite: [ben.userId], room_version: '11' });
    expect((await stateOf(older, 'm.room.power_levels')).body.users).toEqual({ [ana.userId]: 100, [ben.userId]: 100 });
  });

  it('lays power_level_content_override over the default power levels', async () => {
    const roomId = await ana.createRoom({ power_level_content_override: { events_default: 50 } });
    const levels = (await stateOf(roomId, 'm.room.power_levels')).body;
    expect(levels.events_default).toBe(50);
    expect(levels.state_default).toBe(50);
  });

  it('names the creator in the content in version 10 only', async () => {
    const ten = await ana.createRoom({
      room_version: '10',
      creation_content: { creator: '@evil:x', 'm.federate': false },
    });
    expect((await stateOf(ten, 'm.room.create')).body).toEqual({
      room_version: '10',
      creator: ana.userId,
      'm.federate': false,
    });
    const eleven = await ana.createRoom({ room_version: '11', creation_content: { creator: '@evil:x' } });
    expect((await stateOf(eleven, 'm.room.create')).body).toEqual({ room_version: '11' });
  });

  it('marks invites of a direct chat', async () => {
    const roomId = await ana.createRoom({ is_direct: true, invite: [ben.userId] });
    expect((await stateOf(roomId, 'm.room.member', ben.userId)).body).toMatchObject({
      membership: 'invite',
      is_direct: true,
    });
  });

  it.each(['12', '11'])(
    'rooms that are made alike at the same time are different rooms in version %s',
    async (version) => {
      const rooms = await Promise.all(Array.from({ length: 40 }, () => ana.createRoom({ room_version: version })));
      expect(new Set(rooms).size).toBe(40);
      for (const roomId of rooms) expect((await stateOf(roomId, 'm.room.create')).status).toBe(200);
    },
  );

  it('refuses room versions that it does not know', async () => {
    const { status, body } = await ana.request('POST', 'v3/createRoom', { room_version: 'parley-1' });
    expect([status, body.errcode]).toEqual([400, 'M_UNSUPPORTED_ROOM_VERSION']);
  });

  it('refuses an alias that is taken, and makes no room then', async () => {
    await ana.createRoom({ room_alias_name: 'taken' });
    const before = (await ben.ok('GET', 'v3/joined_rooms')).joined_rooms.length;
    const { status, body } = await ben.request('POST', 'v3/createRoom', { room_alias_name: 'taken' });
    expect([status, body.errcode]).toEqual([400, 'M_ROOM_IN_USE']);
    expect((await ben.ok('GET', 'v3/joined_rooms')).joined_rooms).toHaveLength(before);
  });

  it('makes one room of many that ask for the same alias at once, and leaves nothing of the others', async () => {
    const before = (await ana.ok('GET', 'v3/joined_rooms')).joined_rooms.length;
    const request = { room_alias_name: 'race' };
    const answers = await Promise.all(Array.from({ length: 8 }, () => ana.request('POST', 'v3/createRoom', request)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const { status, body } of answers)
      if (status !== 200) expect([status, body.errcode]).toEqual([400, 'M_ROOM_IN_USE']);
    expect((await ana.ok('GET', 'v3/joined_rooms')).joined_rooms).toHaveLength(before + 1);
  });

  it('commits the alias and the place in the directory with the events: a crash leaves all or nothing', async () => {
    const roomId = await ana.createRoom({ room_alias_name: 'whole', visibility: 'public' });
    const rows = await db.query(
      `SELECT a.xmin = r.xmin AS alias, e.xmin = r.xmin AS events, r.published FROM rooms r
       JOIN room_aliases a ON a.room_nid = r.nid JOIN events e ON e.room_nid = r.nid WHERE r.room_id = $1`,
      [roomId],
    );
    expect(rows.length).toBeGreaterThan(4);
    for (const row of rows) expect(row).toEqual({ alias: true, events: true, published: true });
  });

  it('answers the room although somebody could not be invited, and invites everybody else', async () => {
    const roomId = await ana.createRoom({ invite: ['@nobody:127.0.0.1:1', '@none:127.0.0.1:2', ben.userId] });
    expect((await stateOf(roomId, 'm.room.member', ben.userId)).body.membership).toBe('invite');
    expect((await stateOf(roomId, 'm.room.member', '@nobody:127.0.0.1:1')).status).toBe(404);
    for (const name of ['@nobody:127.0.0.1:1', '@none:127.0.0.1:2'])
      expect(lines.filter(({ values }) => String((values as { err?: Error }).err).includes(name))).toHaveLength(1);
  });

  it('refuses invites by third-party id, which need an identity server, and makes no room then', async () => {
    const before = (await ana.ok('GET', 'v3/joined_rooms')).joined_rooms.length;
    const invite = { medium: 'email', address: 'a@example.org', id_server: 'id.example.org', id_access_token: 'x' };
    const { status, body } = await ana.request('POST', 'v3/createRoom', { invite_3pid: [invite] });
    expect([status, body.errcode]).toEqual([403, 'M_THREEPID_DENIED']);
    expect((await ana.ok('GET', 'v3/joined_rooms')).joined_rooms).toHaveLength(before);
    const later = await ana.request('POST', `v3/rooms/${enc(await ana.createRoom())}/invite`, invite);
    expect([later.status, later.body]).toEqual([403, body]);
  });

  it('A4.7 counts its invites like any others, and makes no room where they are too many', async () => {
    const limits = { 'rate_limits.invite.burst': '3', 'rate_limits.invite.per_second': '0.001' };
    const { baseUrl } = await startHomeserver({ logger, settings: { rate_limits: 'on', ...limits } });
    const eve = await registerClient(baseUrl, 'eve');
    const others = ['1', '2', '3', '4'].map((port) => `@a:127.0.0.1:${port}`);
    const create = (count: number) => eve.request('POST', 'v3/createRoom', { invite: others.slice(0, count) });
    expect(await create(4)).toMatchObject({ status: 400, body: { errcode: 'M_INVALID_PARAM' } });
    expect(await create(2)).toMatchObject({ status: 200 });
    expect(await create(2)).toMatchObject({ status: 429, body: { errcode: 'M_LIMIT_EXCEEDED' } });
    expect(await create(0)).toMatchObject({ status: 200 });
    expect((await eve.ok('GET', 'v3/joined_rooms')).joined_rooms).toHaveLength(2);
  });

  it('refuses a room that could not keep its own rules, and leaves nothing of it', async () => {
    const { status, body } = await ana.request('POST', 'v3/createRoom', {
      room_version: '11',
      room_alias_name: 'broken',
      power_level_content_override: { users: { [ana.userId]: 0 } },
      name: 'Nobody may set this',
    });
    expect([status, body.errcode]).toEqual([400, 'M_INVALID_ROOM_STATE']);
    expect((await ana.request('GET', `v3/directory/room/${enc(`#broken:${server.serverName}`)}`)).status).toBe(404);
    expect(await db.query("SELECT room_id FROM rooms WHERE extremities = '{}'")).toEqual([]);
  });

  it('takes only the alias that it makes into m.room.canonical_alias', async () => {
    const own = `#own:${server.serverName}`;
    const create = (content: object) =>
      ana.request('POST', 'v3/createRoom', {
        room_alias_name: 'own',
        initial_state: [{ type: 'm.room.canonical_alias', content }],
      });
    const foreign = `#foreign:${server.serverName}`;
    for (const content of [{ alias: foreign }, { alias: own, alt_aliases: [foreign] }])
      expect((await create(content)).body.errcode).toBe('M_BAD_ALIAS');
    expect((await create({ alias: own, alt_aliases: 'none' })).body.errcode).toBe('M_INVALID_PARAM');
    const { room_id: roomId } = (await create({ alias: own, alt_aliases: [own] })).body;
    expect((await stateOf(roomId, 'm.room.canonical_alias')).body).toEqual({ alias: own, alt_aliases: [own] });
    expect(await db.query("SELECT room_id FROM rooms WHERE extremities = '{}'")).toEqual([]);
  });

  it.each([
    ['a preset that there is not', { preset: 'loud' }, 'M_BAD_JSON'],
    ['an invitee who is no user id', { invite: ['ben'] }, 'M_INVALID_PARAM'],
    ['state without content', { initial_state: [{ type: 'm.room.name' }] }, 'M_BAD_JSON'],
    ['a float in what becomes an event', { creation_content: { x: 1.5 } }, 'M_BAD_JSON'],
    ['a name that is no text', { name: 7 }, 'M_BAD_JSON'],
  ])('A1.5 refuses %s', async (_what, request, errcode) => {
    const { status, body } = await ana.request('POST', 'v3/createRoom', request);
    expect([status, body.errcode]).toEqual([400, errcode]);
  });
});
