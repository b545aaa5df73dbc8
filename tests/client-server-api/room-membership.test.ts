import { beforeAll, describe, expect, it } from 'vitest';
import { enc, registerClient, type TestClient } from '../harness/client.ts';
import { startHomeserver } from '../harness/homeserver.ts';

const server = await startHomeserver();
let ana: TestClient;
let ben: TestClient;
let cyn: TestClient;

beforeAll(async () => {
  ana = await registerClient(server.baseUrl, 'ana');
  ben = await registerClient(server.baseUrl, 'ben');
  cyn = await registerClient(server.baseUrl, 'cyn');
});

async function membership(roomId: string, of: TestClient): Promise<string | undefined> {
  const { body } = await ana.request('GET', `v3/rooms/${enc(roomId)}/state/m.room.member/${enc(of.userId)}`);
  return body.membership;
}

function act(client: TestClient, roomId: string, action: string, body: unknown = {}) {
  return client.request('POST', `v3/rooms/${enc(roomId)}/${action}`, body);
}

describe('joining', () => {
  it('anybody joins a public room, by id and by alias, and joining twice is no error', async () => {
    const roomId = await ana.createRoom({ preset: 'public_chat', room_alias_name: 'open' });
    expect(await ben.join(roomId)).toBe(roomId);
    expect(await cyn.join(`#open:${server.serverName}`)).toBe(roomId);
    expect(await cyn.join(roomId)).toBe(roomId);
    const { joined } = await ben.ok('GET', `v3/rooms/${enc(roomId)}/joined_members`);
    expect(Object.keys(joined).sort()).toEqual([ana.userId, ben.userId, cyn.userId].sort());
  });

  it('nobody joins an invite-only room uninvited', async () => {
    const roomId = await ana.createRoom({});
    const { status, body } = await ben.request('POST', `v3/join/${enc(roomId)}`, {});
    expect([status, body.errcode]).toEqual([403, 'M_FORBIDDEN']);
  });

  it('an unknown alias is not found, and a malformed one refused', async () => {
    expect((await ben.request('POST', `v3/join/${enc(`#none:${server.serverName}`)}`, {})).body.errcode).toBe(
      'M_NOT_FOUND',
    );
    expect((await ben.request('POST', 'v3/join/nonsense', {})).body.errcode).toBe('M_INVALID_PARAM');
  });

  it('a restricted room lets in the members of the room that it names, and says who authorised them', async () => {
    const club = await ana.createRoom({});
    const lounge = await ana.createRoom({
      initial_state: [
        {
          type: 'm.room.join_rules',
          content: { join_rule: 'restricted', allow: [{ type: 'm.room_membership', room_id: club }] },
        },
      ],
    });
    expect((await ben.request('POST', `v3/join/${enc(lounge)}`, {})).status).toBe(403);
    await ana.ok('POST', `v3/rooms/${enc(club)}/invite`, { user_id: ben.userId });
    await ben.join(club);
    await ben.join(lounge);
    const { body } = await ana.request('GET', `v3/rooms/${enc(lounge)}/state/m.room.member/${enc(ben.userId)}`);
    expect(body.join_authorised_via_users_server).toBe(ana.userId);
  });

  it('shows the profile in the member event', async () => {
    await ben.ok('PUT', `v3/profile/${enc(ben.userId)}/displayname`, { displayname: 'Ben B.' });
    const roomId = await ana.createRoom({ preset: 'public_chat' });
    await ben.join(roomId);
    const { body } = await ana.request('GET', `v3/rooms/${enc(roomId)}/state/m.room.member/${enc(ben.userId)}`);
    expect(body).toEqual({ membership: 'join', displayname: 'Ben B.' });
  });

  it('carries a change of the display name into the joined rooms', async () => {
    const roomId = await ana.createRoom({ preset: 'public_chat' });
    await ben.join(roomId);
    await ben.ok('PUT', `v3/profile/${enc(ben.userId)}/displayname`, { displayname: 'Benedict' });
    const seen = await ana.syncUntil(undefined, (answer) => {
      const { timeline, state } = answer.rooms?.join?.[roomId] ?? { timeline: { events: [] }, state: { events: [] } };
      return [...state.events, ...timeline.events].find(
        (event: { type: string; content: { displayname?: string } }) => event.content.displayname === 'Benedict',
      );
    });
    expect(seen.state_key).toBe(ben.userId);
  });
});

describe('inviting, removing and banning', () => {
  it('an invited user sees stripped state, and may then join', async () => {
    const roomId = await ana.createRoom({ name: 'Den' });
    await ana.ok('POST', `v3/rooms/${enc(roomId)}/invite`, { user_id: cyn.userId, reason: 'come in' });
    const invited = await cyn.syncUntil(undefined, (answer) => answer.rooms?.invite?.[roomId]);
    const events = invited.invite_state.events;
    expect(events.find((event: { type: string }) => event.type === 'm.room.name').content).toEqual({ name: 'Den' });
    for (const event of events) expect(Object.keys(event).sort()).toEqual(['content', 'sender', 'state_key', 'type']);
    const own = events.find((event: { state_key: string }) => event.state_key === cyn.userId);
    expect(own.content).toMatchObject({ membership: 'invite', reason: 'come in' });
    await cyn.join(roomId);
    expect(await membership(roomId, cyn)).toBe('join');
  });

  it('an invite can be declined, and shows up as left', async () => {
    const roomId = await ana.createRoom({ invite: [cyn.userId] });
    const since = await cyn.syncUntil(undefined, (answer) =>
      answer.rooms?.invite?.[roomId] === undefined ? undefined : answer.next_batch,
    );
    expect((await act(cyn, roomId, 'leave')).status).toBe(200);
    const left = await cyn.syncUntil(since, (answer) => answer.rooms?.leave?.[roomId]);
    expect(left.timeline.events.at(-1).content.membership).toBe('leave');
  });

  it('members who are in cannot be invited again', async () => {
    const roomId = await ana.createRoom({ preset: 'public_chat' });
    await ben.join(roomId);
    const { status, body } = await act(ana, roomId, 'invite', { user_id: ben.userId });
    expect([status, body.errcode]).toEqual([403, 'M_FORBIDDEN']);
  });

  it('nobody of another server is invited into a room that is not federated', async () => {
    const roomId = await ana.createRoom({ creation_content: { 'm.federate': false } });
    const request = { user_id: '@far:127.0.0.1:1' };
    const { status, body } = await ana.request('POST', `v3/rooms/${enc(roomId)}/invite`, request);
    expect([status, body.errcode]).toEqual([403, 'M_FORBIDDEN']);
    await ana.ok('POST', `v3/rooms/${enc(roomId)}/invite`, { user_id: ben.userId });
  });

  it('kick, ban and unban do what they say, with a reason, and need the power to', async () => {
    const roomId = await ana.createRoom({ preset: 'public_chat' });
    await ben.join(roomId);
    await cyn.join(roomId);
    expect((await act(ben, roomId, 'kick', { user_id: cyn.userId })).body.errcode).toBe('M_FORBIDDEN');
    expect((await act(ana, roomId, 'kick', { user_id: cyn.userId, reason: 'noise' })).status).toBe(200);
    expect(await membership(roomId, cyn)).toBe('leave');
    expect((await act(ana, roomId, 'ban', { user_id: cyn.userId })).status).toBe(200);
    expect((await cyn.request('POST', `v3/join/${enc(roomId)}`, {})).body.errcode).toBe('M_FORBIDDEN');
    expect((await act(ana, roomId, 'unban', { user_id: cyn.userId })).status).toBe(200);
    expect(await cyn.join(roomId)).toBe(roomId);
  });

  it('only who is in can be kicked, and only who is banned unbanned', async () => {
    const roomId = await ana.createRoom({});
    expect((await act(ana, roomId, 'kick', { user_id: cyn.userId })).status).toBe(403);
    expect((await act(ana, roomId, 'unban', { user_id: cyn.userId })).status).toBe(403);
  });

  it('memberships set as state do the same as the calls for them', async () => {
    const roomId = await ana.createRoom({});
    const set = (content: unknown) =>
      ana.request('PUT', `v3/rooms/${enc(roomId)}/state/m.room.member/${enc(ben.userId)}`, content);
    expect((await set({ membership: 'invite' })).status).toBe(200);
    expect(await membership(roomId, ben)).toBe('invite');
    expect((await set({ membership: 'ban' })).status).toBe(200);
    expect(await membership(roomId, ben)).toBe('ban');
    expect((await set({ membership: 'join' })).body.errcode).toBe('M_FORBIDDEN');
    expect((await set({ membership: 'dance' })).body.errcode).toBe('M_BAD_JSON');
  });
});

describe('leaving and forgetting', () => {
  it('who has left reads what there was, and nothing after', async () => {
    const roomId = await ana.createRoom({ preset: 'public_chat' });
    await ben.join(roomId);
    const heard = await ana.say(roomId, 'while ben is here');
    await act(ben, roomId, 'leave');
    const missed = await ana.say(roomId, 'after ben left');
    const page = await ben.ok('GET', `v3/rooms/${enc(roomId)}/messages?dir=b&limit=50`);
    const ids = page.chunk.map((event: { event_id: string }) => event.event_id);
    expect(ids).toContain(heard);
    expect(ids).not.toContain(missed);
    expect((await ben.request('GET', `v3/rooms/${enc(roomId)}/event/${enc(missed)}`)).status).toBe(404);
    expect((await ben.request('PUT', `v3/rooms/${enc(roomId)}/send/m.room.message/x`, { body: 'hi' })).status).toBe(
      403,
    );
  });

  it('a room can be forgotten once it has been left, and is then closed', async () => {
    const roomId = await ana.createRoom({ preset: 'public_chat' });
    await ben.join(roomId);
    expect((await act(ben, roomId, 'forget')).status).toBe(400);
    await act(ben, roomId, 'leave');
    expect((await act(ben, roomId, 'forget')).status).toBe(200);
    expect((await ben.request('GET', `v3/rooms/${enc(roomId)}/messages?dir=b`)).status).toBe(403);
  });

  it('closing the account leaves all rooms', async () => {
    const dan = await registerClient(server.baseUrl, 'dan');
    const roomId = await ana.createRoom({ preset: 'public_chat' });
    await dan.join(roomId);
    const since = (await ana.ok('GET', 'v3/sync')).next_batch;
    const auth = { type: 'm.login.password', identifier: { type: 'm.id.user', user: 'dan' }, password: 'a good one' };
    const { body } = await dan.request('POST', 'v3/account/deactivate', {});
    await dan.ok('POST', 'v3/account/deactivate', { auth: { ...auth, session: body.session } });
    const event = await ana.syncUntil(since, (answer) =>
      answer.rooms?.join?.[roomId]?.timeline.events.find((one: { state_key?: string }) => one.state_key === dan.userId),
    );
    expect(event.content.membership).toBe('leave');
  });

  it('rooms that do not exist and rooms of others answer alike', async () => {
    const foreign = await ana.createRoom({});
    const answers = await Promise.all(
      [foreign, '!nothing:elsewhere'].map(async (roomId) => await cyn.request('GET', `v3/rooms/${enc(roomId)}/state`)),
    );
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]?.status).toBe(403);
  });
});
