import { beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../server/src/storage/database.ts';
import { enc, registerClient, type TestClient } from '../harness/client.ts';
import { startHomeserver } from '../harness/homeserver.ts';

const server = await startHomeserver();
const other = await startHomeserver();
let ana: TestClient;
let ben: TestClient;

beforeAll(async () => {
  ana = await registerClient(server.baseUrl, 'ana');
  ben = await registerClient(server.baseUrl, 'ben');
});

const aliasPath = (alias: string) => `v3/directory/room/${enc(alias)}`;

describe('aliases', () => {
  it('lead to their room and the servers that are in it, for anybody', async () => {
    const roomId = await ana.createRoom({});
    const alias = `#lead:${server.serverName}`;
    await ana.ok('PUT', aliasPath(alias), { room_id: roomId });
    const response = await fetch(`${server.baseUrl}/_matrix/client/${aliasPath(alias)}`);
    expect(await response.json()).toEqual({ room_id: roomId, servers: [server.serverName] });
    expect((await ana.ok('GET', `v3/rooms/${enc(roomId)}/aliases`)).aliases).toEqual([alias]);
  });

  it('A4.4 cannot be taken over, and are deleted by their creator or a moderator only', async () => {
    const roomId = await ana.createRoom({ preset: 'public_chat' });
    await ben.join(roomId);
    const alias = `#ours:${server.serverName}`;
    await ana.ok('PUT', aliasPath(alias), { room_id: roomId });
    const other = await ben.createRoom({});
    expect((await ben.request('PUT', aliasPath(alias), { room_id: other })).status).toBe(409);
    expect((await ben.request('DELETE', aliasPath(alias))).body.errcode).toBe('M_FORBIDDEN');
    const bens = `#bens:${server.serverName}`;
    await ben.ok('PUT', aliasPath(bens), { room_id: roomId });
    expect((await ana.request('DELETE', aliasPath(bens))).status).toBe(200);
    expect((await ana.request('DELETE', aliasPath(alias))).status).toBe(200);
    expect((await ana.request('DELETE', aliasPath(alias))).body.errcode).toBe('M_NOT_FOUND');
  });

  it('are made by members, on this server, and well-formed', async () => {
    const roomId = await ana.createRoom({});
    const put = (client: TestClient, alias: string) => client.request('PUT', aliasPath(alias), { room_id: roomId });
    expect((await put(ben, `#a:${server.serverName}`)).body.errcode).toBe('M_FORBIDDEN');
    expect((await put(ana, '#a:elsewhere.example')).body.errcode).toBe('M_INVALID_PARAM');
    expect((await put(ana, 'nonsense')).body.errcode).toBe('M_INVALID_PARAM');
  });
});

describe('the published room directory', () => {
  it('lists published rooms, the largest first, and can be searched and paged', async () => {
    const small = await ana.createRoom({ visibility: 'public', name: 'Small Tea' });
    const large = await ana.createRoom({ visibility: 'public', name: 'Large Tea', topic: 'hot' });
    await ben.join(large);
    await ana.createRoom({ preset: 'public_chat', name: 'Unlisted Tea' });
    const all = await ana.ok('POST', 'v3/publicRooms', {});
    expect(all.chunk.map((room: { room_id: string }) => room.room_id)).toEqual([large, small]);
    expect(all.chunk[0]).toEqual({
      room_id: large,
      name: 'Large Tea',
      topic: 'hot',
      num_joined_members: 2,
      join_rule: 'public',
      world_readable: false,
      guest_can_join: false,
    });
    const found = await ana.ok('POST', 'v3/publicRooms', { filter: { generic_search_term: 'sMaLL' } });
    expect(found.chunk.map((room: { room_id: string }) => room.room_id)).toEqual([small]);
    const first = await ana.ok('POST', 'v3/publicRooms', { limit: 1 });
    const second = await ana.ok('POST', 'v3/publicRooms', { limit: 1, since: first.next_batch });
    expect([first.chunk[0].room_id, second.chunk[0].room_id]).toEqual([large, small]);
    expect(second.next_batch).toBeUndefined();
    const back = await ana.ok('POST', 'v3/publicRooms', { limit: 1, since: second.prev_batch });
    expect([back.chunk[0].room_id, back.prev_batch]).toEqual([large, undefined]);
    const anybody = await fetch(`${server.baseUrl}/_matrix/client/v3/publicRooms?limit=10`);
    expect(((await anybody.json()) as { chunk: unknown[] }).chunk).toHaveLength(2);
  });

  it('is paged back over what a search leaves out', async () => {
    for (const name of ['Oak A', 'Elm', 'Oak B', 'Elm', 'Elm', 'Oak C', 'Elm'])
      await ana.createRoom({ visibility: 'public', name });
    const search = (since?: string) =>
      ana.ok('POST', 'v3/publicRooms', { limit: 1, since, filter: { generic_search_term: 'oak' } });
    const namesOf = (page: { chunk: { name: string }[] }) => page.chunk.map(({ name }) => name);
    const first = await search();
    const second = await search(first.next_batch);
    const third = await search(second.next_batch);
    expect([first, second, third].map(namesOf)).toEqual([['Oak A'], ['Oak B'], ['Oak C']]);
    const back = await search(third.prev_batch);
    expect(namesOf(back)).toEqual(['Oak B']);
    expect(namesOf(await search(back.prev_batch))).toEqual(['Oak A']);
    expect(namesOf(await search(back.next_batch))).toEqual(['Oak C']);
  });

  it('gives a room at most 200 aliases', async () => {
    const roomId = await ana.createRoom({});
    const db = openDatabase({ connection: server.databaseUrl, poolSize: 1 });
    await db.query(
      `INSERT INTO room_aliases (alias, room_nid, creator) SELECT '#many' || n || ':x', r.nid, '' FROM rooms r,
       generate_series(1, 200) AS n WHERE r.room_id = $1`,
      [roomId],
    );
    await db.close();
    const path = `v3/directory/room/${enc(`#more:${server.serverName}`)}`;
    expect((await ana.request('PUT', path, { room_id: roomId })).body.errcode).toBe('M_FORBIDDEN');
  });

  it('of another server is asked for only by those who have an account here', async () => {
    const zoe = await registerClient(other.baseUrl, 'zoe');
    const far = await zoe.createRoom({ visibility: 'public', name: 'Far Tea' });
    const path = `v3/publicRooms?server=${enc(other.serverName)}`;
    const answer = await ana.ok('GET', path);
    expect(answer.chunk.map((room: { room_id: string }) => room.room_id)).toEqual([far]);
    const anybody = await fetch(`${server.baseUrl}/_matrix/client/${path}`);
    expect([anybody.status, await anybody.json()]).toMatchObject([401, { errcode: 'M_MISSING_TOKEN' }]);
    const own = `${server.baseUrl}/_matrix/client/v3/publicRooms?server=${enc(server.serverName)}`;
    expect((await fetch(own)).status).toBe(200);
    const nowhere = await ana.request('GET', `v3/publicRooms?server=${enc('no server')}`);
    expect([nowhere.status, nowhere.body.errcode]).toEqual([400, 'M_INVALID_PARAM']);
  });

  it('is changed by who has the power to', async () => {
    const roomId = await ana.createRoom({ preset: 'public_chat' });
    await ben.join(roomId);
    const path = `v3/directory/list/room/${enc(roomId)}`;
    expect((await ben.request('PUT', path, { visibility: 'public' })).body.errcode).toBe('M_FORBIDDEN');
    expect((await ana.request('PUT', path, { visibility: 'public' })).status).toBe(200);
    expect(await ben.ok('GET', path)).toEqual({ visibility: 'public' });
    expect((await ana.request('PUT', path, { visibility: 'private' })).status).toBe(200);
    expect(await ben.ok('GET', path)).toEqual({ visibility: 'private' });
    expect((await ben.request('GET', `v3/directory/list/room/${enc('!none:x')}`)).body.errcode).toBe('M_NOT_FOUND');
  });
});
