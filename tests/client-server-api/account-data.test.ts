import { describe, expect, test } from 'vitest';
import type { RoomId, UserId } from '../../server/src/protocol/event.ts';
import { accountDataSince } from '../../server/src/users/account-data.ts';
import { accountServer } from '../harness/account-server.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();
const server = await accountServer(db.url);
const alice = await server.register('alice');
const bob = await server.register('bob');
const userId = alice.user_id as UserId;
const token = alice.access_token;
const ROOM = '!room:parley.test' as RoomId;
await db.query(`INSERT INTO rooms (room_id, version) VALUES ($1, '12')`, [ROOM]);

const user = `/_matrix/client/v3/user/${encodeURIComponent(userId)}`;
const room = `${user}/rooms/${encodeURIComponent(ROOM)}`;
const put = (path: string, body: unknown, as = token) => server.call('PUT', path, { token: as, body });
const get = (path: string, as = token) => server.call('GET', path, { token: as });
const head = async () => (await db.query<{ position: number }>('SELECT position FROM log_head'))[0]?.position ?? 0;

describe('account data', () => {
  test('it is stored as sent, global and per room apart, and read back', async () => {
    const content = { a: 0.5, b: [null, true], ü: { __proto__x: 1 } };
    expect((await get(`${user}/account_data/org.example.x`)).json.errcode).toBe('M_NOT_FOUND');
    expect((await put(`${user}/account_data/org.example.x`, content)).json).toEqual({});
    expect((await get(`${user}/account_data/org.example.x`)).json).toEqual(content);
    expect((await get(`${room}/account_data/org.example.x`)).status).toBe(404);
    await put(`${room}/account_data/org.example.x`, { room: true });
    expect((await get(`${room}/account_data/org.example.x`)).json).toEqual({ room: true });
    expect((await get(`${user}/account_data/org.example.x`)).json).toEqual(content);
  });

  test('what Postgres has no text for survives: NUL and half a surrogate pair', async () => {
    await put(`${user}/account_data/org.example.odd`, { text: 'a\0b\ud800' });
    expect((await get(`${user}/account_data/org.example.odd`)).json).toEqual({ text: 'a\0b\ud800' });
  });

  test.each(['m.fully_read', 'm.push_rules'])('%s cannot be set through this API', async (type) => {
    for (const path of [`${user}/account_data/${type}`, `${room}/account_data/${type}`]) {
      const { status, json } = await put(path, {});
      expect([status, json.errcode]).toEqual([405, 'M_BAD_JSON']);
    }
  });

  test('it is seen and changed by its owner only', async () => {
    for (const path of [`${user}/account_data/org.example.x`, `${room}/account_data/org.example.x`, `${room}/tags`])
      expect((await get(path, bob.access_token)).json.errcode).toBe('M_FORBIDDEN');
    expect((await put(`${user}/account_data/org.example.x`, {}, bob.access_token)).status).toBe(403);
  });

  test('a body that is no object and a room id that is none are refused', async () => {
    expect((await put(`${user}/account_data/org.example.x`, [])).json.errcode).toBe('M_BAD_JSON');
    expect((await put(`${user}/rooms/nonsense/account_data/org.example.x`, {})).json.errcode).toBe('M_INVALID_PARAM');
    expect((await get(`${user}/rooms/nonsense/account_data/org.example.x`)).json.errcode).toBe('M_INVALID_PARAM');
    expect((await put(`${user}/account_data/${'x'.repeat(256)}`, {})).json.errcode).toBe('M_INVALID_PARAM');
  });
});

describe('what a client is told by /sync', () => {
  test('everything at first, with the push rules, then what changed since a position of the log', async () => {
    const everything = await accountDataSince(db, userId, 0);
    expect(everything.global.map((data) => data.type).sort()).toEqual([
      'm.push_rules',
      'org.example.odd',
      'org.example.x',
    ]);
    expect(everything.rooms.get(ROOM)).toEqual([{ type: 'org.example.x', content: { room: true } }]);

    const since = await head();
    expect(await accountDataSince(db, userId, since)).toEqual({ global: [], rooms: new Map() });
    await put(`${user}/account_data/org.example.y`, { y: 1 });
    const between = await head();
    await put(`${user}/account_data/org.example.y`, { y: 2 });
    await put(`${room}/account_data/org.example.x`, { room: 'again' });
    expect((await accountDataSince(db, userId, since)).global).toEqual([{ type: 'org.example.y', content: { y: 2 } }]);
    expect((await accountDataSince(db, userId, since, between)).global).toEqual([]);
    expect((await accountDataSince(db, userId, between)).rooms).toEqual(
      new Map([[ROOM, [{ type: 'org.example.x', content: { room: 'again' } }]]]),
    );
    expect((await accountDataSince(db, bob.user_id as UserId, since)).global).toEqual([]);
  });

  test('the log names owner, room and row', async () => {
    const since = await head();
    await put(`${room}/account_data/org.example.z`, {});
    await put(`${user}/rooms/${encodeURIComponent('!unknown:parley.test')}/account_data/org.example.z`, {});
    const rows = await db.query(
      `SELECT l.kind, l.user_id, r.room_id, a.type FROM log l JOIN account_data a ON a.id = l.ref AND a.position = l.position
       LEFT JOIN rooms r ON r.nid = l.room_nid WHERE l.position > $1 ORDER BY l.position`,
      [since],
    );
    expect(rows).toEqual([
      { kind: 'account_data', user_id: userId, room_id: ROOM, type: 'org.example.z' },
      { kind: 'account_data', user_id: userId, room_id: null, type: 'org.example.z' },
    ]);
  });
});

describe('tags', () => {
  test('tags are added, changed and removed one by one and shown together', async () => {
    expect((await get(`${room}/tags`)).json).toEqual({ tags: {} });
    await put(`${room}/tags/m.favourite`, { order: 0.1 });
    await put(`${room}/tags/u.Work`, {});
    await put(`${room}/tags/m.favourite`, { order: 0.2, 'org.example.more': 1 });
    await put(`${room}/tags/__proto__`, { order: 1 });
    const { tags } = (await get(`${room}/tags`)).json;
    expect(Object.entries(tags)).toEqual([
      ['m.favourite', { order: 0.2, 'org.example.more': 1 }],
      ['u.Work', {}],
      ['__proto__', { order: 1 }],
    ]);
    for (const tag of ['u.Work', 'u.Work', '__proto__'])
      expect((await server.call('DELETE', `${room}/tags/${tag}`, { token })).json).toEqual({});
    expect((await get(`${room}/account_data/m.tag`)).json).toEqual({
      tags: { 'm.favourite': { order: 0.2, 'org.example.more': 1 } },
    });
  });

  test('tags that are set at the same time are all kept', async () => {
    await Promise.all(Array.from({ length: 10 }, (_, i) => put(`${room}/tags/u.${i}`, {})));
    expect(Object.keys((await get(`${room}/tags`)).json.tags)).toHaveLength(11);
  });

  test.each([
    [{ order: '0.5' }, 'M_BAD_JSON'],
    [{ order: 1.5 }, 'M_INVALID_PARAM'],
    [{ order: -0.1 }, 'M_INVALID_PARAM'],
  ])('an order that is no number from 0 to 1 is refused: %j', async (body, errcode) => {
    expect((await put(`${room}/tags/u.x`, body)).json.errcode).toBe(errcode);
  });

  test('the name of a tag has at most 255 bytes', async () => {
    expect((await put(`${room}/tags/${encodeURIComponent('é'.repeat(127))}`, {})).status).toBe(200);
    expect((await put(`${room}/tags/${encodeURIComponent('é'.repeat(128))}`, {})).status).toBe(400);
  });
});

describe('how much there may be', () => {
  test('a user has at most 20,000 pieces of it, and may go on changing those', async () => {
    const carol = await server.register('carol');
    const own = `/_matrix/client/v3/user/${encodeURIComponent(carol.user_id)}/account_data`;
    await db.query(
      `INSERT INTO account_data (user_id, room_id, type, content, position)
       SELECT $1, '', 'org.example.' || n, '{}', 0 FROM generate_series(1, 20000) AS n`,
      [carol.user_id],
    );
    const { status, json } = await put(`${own}/org.example.new`, {}, carol.access_token);
    expect([status, json.errcode]).toEqual([413, 'M_TOO_LARGE']);
    expect((await put(`${own}/org.example.7`, { changed: true }, carol.access_token)).status).toBe(200);
  });

  test('and 16 MiB in all', async () => {
    const dave = await server.register('dave');
    const own = `/_matrix/client/v3/user/${encodeURIComponent(dave.user_id)}/account_data`;
    const mebibyte = { x: 'x'.repeat(1024 * 1024 - 8) };
    for (let i = 0; i < 16; i++)
      expect((await put(`${own}/org.example.${i}`, mebibyte, dave.access_token)).status).toBe(200);
    expect((await put(`${own}/org.example.one_more`, {}, dave.access_token)).json.errcode).toBe('M_TOO_LARGE');
    expect((await put(`${own}/org.example.0`, {}, dave.access_token)).status).toBe(200);
  });

  test('and 100 tags for a room', async () => {
    const erin = await server.register('erin');
    const tags = `/_matrix/client/v3/user/${encodeURIComponent(erin.user_id)}/rooms/${encodeURIComponent(ROOM)}/tags`;
    for (let i = 0; i < 100; i++) expect((await put(`${tags}/u.${i}`, {}, erin.access_token)).status).toBe(200);
    const { status, json } = await put(`${tags}/u.more`, {}, erin.access_token);
    expect([status, json.errcode]).toEqual([400, 'M_INVALID_PARAM']);
    expect((await put(`${tags}/u.7`, { order: 0.5 }, erin.access_token)).status).toBe(200);
  });
});
