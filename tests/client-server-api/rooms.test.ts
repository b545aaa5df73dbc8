import { beforeAll, describe, expect, it } from 'vitest';
import { enc, registerClient, type TestClient } from '../harness/client.ts';
import { startHomeserver } from '../harness/homeserver.ts';

const server = await startHomeserver();
let ana: TestClient;
let ben: TestClient;

beforeAll(async () => {
  ana = await registerClient(server.baseUrl, 'ana');
  ben = await registerClient(server.baseUrl, 'ben');
});

// biome-ignore lint/suspicious/noExplicitAny: what tests look into
type Body = any;

const bodies = (events: { content: { body?: string } }[]) => events.flatMap((event) => event.content.body ?? []);

async function page(client: TestClient, roomId: string, query: Record<string, string>): Promise<Body> {
  return await client.ok('GET', `v3/rooms/${enc(roomId)}/messages?${new URLSearchParams(query)}`);
}

async function roomWith(messages: number, state: { type: string; content: object }[] = []): Promise<string> {
  const roomId = await ana.createRoom({ preset: 'public_chat', initial_state: state as never });
  for (let index = 0; index < messages; index++) await ana.say(roomId, `m${index}`);
  return roomId;
}

const visibility = (value: string) => [{ type: 'm.room.history_visibility', content: { history_visibility: value } }];

describe('GET /rooms/{roomId}/messages', () => {
  it('pages backwards to the create event and then has no end, without gaps or repeats', async () => {
    const roomId = await roomWith(12);
    const seen: string[] = [];
    let from: string | undefined;
    do {
      const part = await page(ana, roomId, { dir: 'b', limit: '5', ...(from === undefined ? {} : { from }) });
      seen.push(...part.chunk.map((event: { event_id: string }) => event.event_id));
      from = part.end;
    } while (from !== undefined);
    const forwards = await page(ana, roomId, { dir: 'f', limit: '100' });
    expect(forwards.chunk[0].type).toBe('m.room.create');
    expect(forwards.chunk.map((event: { event_id: string }) => event.event_id)).toEqual(seen.reverse());
  });

  it('pages forwards from where it went back, up to a given end', async () => {
    const roomId = await roomWith(6);
    const back = await page(ana, roomId, { dir: 'b', limit: '3' });
    const forth = await page(ana, roomId, { dir: 'f', limit: '10', from: back.end });
    expect(bodies(forth.chunk)).toEqual(['m3', 'm4', 'm5']);
    const upTo = await page(ana, roomId, { dir: 'b', from: back.start, to: back.end, limit: '10' });
    expect(bodies(upTo.chunk)).toEqual(['m5', 'm4', 'm3']);
  });

  it('filters, and gives the senders’ memberships where members are loaded lazily', async () => {
    const roomId = await roomWith(2);
    const filter = JSON.stringify({ types: ['m.room.message'], lazy_load_members: true });
    const part = await page(ana, roomId, { dir: 'b', limit: '10', filter });
    expect(bodies(part.chunk)).toEqual(['m1', 'm0']);
    expect(part.state.map((event: { state_key: string }) => event.state_key)).toEqual([ana.userId]);
  });

  it('chooses by what relates to an event: its type, who sent it, and both of the same one', async () => {
    const roomId = await roomWith(0);
    await ben.join(roomId);
    const relate = async (client: TestClient, target: string, relType: string) =>
      await client.ok('PUT', `v3/rooms/${enc(roomId)}/send/org.example.note/${target.slice(1, 9)}${relType}`, {
        'm.relates_to': { rel_type: relType, event_id: target },
      });
    const [one, two] = [await ana.say(roomId, 'one'), await ana.say(roomId, 'two')];
    await ana.say(roomId, 'three');
    await relate(ana, one, 'm.reference');
    await relate(ben, one, 'org.example.other');
    const { event_id: taken } = await relate(ben, two, 'm.reference');
    const bodiesFor = async (filter: object) =>
      bodies((await page(ana, roomId, { dir: 'f', limit: '50', filter: JSON.stringify(filter) })).chunk);
    expect(await bodiesFor({ related_by_rel_types: ['m.reference'] })).toEqual(['one', 'two']);
    expect(await bodiesFor({ related_by_senders: [ben.userId] })).toEqual(['one', 'two']);
    const both = { related_by_senders: [ben.userId], related_by_rel_types: ['m.reference'] };
    expect(await bodiesFor(both)).toEqual(['two']);
    await ben.ok('PUT', `v3/rooms/${enc(roomId)}/redact/${enc(taken)}/r`, {});
    expect(await bodiesFor(both)).toEqual([]);
  });

  it('gives tokens that lead on from a page without events, too', async () => {
    const roomId = await roomWith(3);
    const none = await page(ana, roomId, { dir: 'b', limit: '0' });
    expect(none.chunk).toEqual([]);
    expect(bodies((await page(ana, roomId, { dir: 'b', limit: '2', from: none.end })).chunk)).toEqual(['m2', 'm1']);
    const forwards = await page(ana, roomId, { dir: 'f', limit: '0' });
    expect((await page(ana, roomId, { dir: 'f', limit: '1', from: forwards.end })).chunk[0].type).toBe('m.room.create');
    const filtered = await page(ana, roomId, { dir: 'b', filter: JSON.stringify({ types: ['org.example.none'] }) });
    expect([filtered.chunk, filtered.end]).toEqual([[], undefined]);
    await ana.say(roomId, 'm3');
    expect(bodies((await page(ana, roomId, { dir: 'f', from: filtered.start })).chunk)).toEqual(['m3']);
  });

  it('A1.15 a page full of events that may not be seen does not end the history', async () => {
    const roomId = await roomWith(1, visibility('world_readable'));
    await ana.setState(roomId, 'm.room.history_visibility', { history_visibility: 'joined' });
    for (let index = 0; index < 40; index++) await ana.say(roomId, `hidden ${index}`);
    await ben.join(roomId);
    const seen: string[] = [];
    let from: string | undefined;
    do {
      const part = await page(ben, roomId, { dir: 'b', limit: '3', ...(from === undefined ? {} : { from }) });
      seen.push(...bodies(part.chunk));
      from = part.end;
    } while (from !== undefined);
    expect(seen).toEqual(['m0']);
  });

  it.each([
    ['a direction that there is not', 'dir=x', 400, 'M_INVALID_PARAM'],
    ['no direction', '', 400, 'M_MISSING_PARAM'],
    ['a token that is not ours', 'dir=b&from=nonsense', 400, 'M_INVALID_PARAM'],
    ['a filter that is not JSON', 'dir=b&filter={', 400, 'M_INVALID_PARAM'],
    ['a negative limit', 'dir=b&limit=-1', 400, 'M_INVALID_PARAM'],
  ])('refuses %s', async (_what, query, status, errcode) => {
    const roomId = await roomWith(0);
    const answer = await ana.request('GET', `v3/rooms/${enc(roomId)}/messages?${query}`);
    expect([answer.status, answer.body.errcode]).toEqual([status, errcode]);
  });
});

describe('history visibility', () => {
  it.each([
    ['world_readable', ['before', 'invited', 'joined', 'left']],
    ['shared', ['before', 'invited', 'joined']],
    ['invited', ['invited', 'joined']],
    ['joined', ['joined']],
  ])('A3.2 %s shows to who was invited, joined and left: %j', async (value, expected) => {
    const roomId = await ana.createRoom({ initial_state: visibility(value) as never });
    await ana.say(roomId, 'before');
    await ana.ok('POST', `v3/rooms/${enc(roomId)}/invite`, { user_id: ben.userId });
    await ana.say(roomId, 'invited');
    await ben.join(roomId);
    await ana.say(roomId, 'joined');
    await ben.ok('POST', `v3/rooms/${enc(roomId)}/leave`, {});
    await ana.say(roomId, 'left');
    expect(bodies((await page(ben, roomId, { dir: 'f', limit: '50' })).chunk)).toEqual(expected);
  });

  it('A3.2 an invite that was declined opens nothing', async () => {
    const roomId = await ana.createRoom({});
    const secret = await ana.say(roomId, 'secret');
    await ana.ok('POST', `v3/rooms/${enc(roomId)}/invite`, { user_id: ben.userId });
    await ben.ok('POST', `v3/rooms/${enc(roomId)}/leave`, {});
    expect((await ben.request('GET', `v3/rooms/${enc(roomId)}/messages?dir=b`)).status).toBe(403);
    for (const path of [`event/${enc(secret)}`, `context/${enc(secret)}`])
      expect((await ben.request('GET', `v3/rooms/${enc(roomId)}/${path}`)).status).toBe(404);
  });

  it('anybody may look into a world-readable room', async () => {
    const roomId = await roomWith(1, visibility('world_readable'));
    const stranger = await registerClient(server.baseUrl, 'stranger');
    expect(bodies((await page(stranger, roomId, { dir: 'b' })).chunk)).toEqual(['m0']);
    expect((await stranger.request('GET', `v3/rooms/${enc(roomId)}/state`)).status).toBe(200);
  });
});

describe('single events and their surroundings', () => {
  it('A3.1 an event is found in its own room only', async () => {
    const one = await roomWith(1);
    const other = await roomWith(0);
    const eventId = (await page(ana, one, { dir: 'b', limit: '1' })).chunk[0].event_id;
    expect((await ana.ok('GET', `v3/rooms/${enc(one)}/event/${enc(eventId)}`)).content.body).toBe('m0');
    const wrongRoom = await ana.request('GET', `v3/rooms/${enc(other)}/event/${enc(eventId)}`);
    const unknown = await ana.request('GET', `v3/rooms/${enc(one)}/event/${enc('$nothing')}`);
    expect(wrongRoom).toEqual(unknown);
    expect(wrongRoom.status).toBe(404);
  });

  it('context has the events around one, and tokens that lead on', async () => {
    const roomId = await roomWith(9);
    const all = await page(ana, roomId, { dir: 'f', limit: '100' });
    const middle = all.chunk.find((event: { content: { body?: string } }) => event.content.body === 'm4');
    const context = await ana.ok('GET', `v3/rooms/${enc(roomId)}/context/${enc(middle.event_id)}?limit=4`);
    expect(bodies(context.events_before)).toEqual(['m3', 'm2']);
    expect(context.event.event_id).toBe(middle.event_id);
    expect(bodies(context.events_after)).toEqual(['m5', 'm6']);
    expect(bodies((await page(ana, roomId, { dir: 'b', from: context.start, limit: '2' })).chunk)).toEqual([
      'm1',
      'm0',
    ]);
    expect(bodies((await page(ana, roomId, { dir: 'f', from: context.end, limit: '5' })).chunk)).toEqual(['m7', 'm8']);
    expect(context.state.some((event: { type: string }) => event.type === 'm.room.create')).toBe(true);
  });
});

describe('members', () => {
  it('are listed by membership, and as of an earlier point', async () => {
    const roomId = await roomWith(0);
    const before = (await ana.ok('GET', 'v3/sync')).rooms.join[roomId].timeline.prev_batch;
    await ben.join(roomId);
    const { next_batch: joined } = await ana.ok('GET', 'v3/sync');
    await ben.ok('POST', `v3/rooms/${enc(roomId)}/leave`, {});
    const list = async (query: string) =>
      (await ana.ok('GET', `v3/rooms/${enc(roomId)}/members?${query}`)).chunk.map(
        (event: { state_key: string; content: { membership: string } }) =>
          `${event.state_key} ${event.content.membership}`,
      );
    expect((await list('')).sort()).toEqual([`${ana.userId} join`, `${ben.userId} leave`].sort());
    expect(await list('membership=join')).toEqual([`${ana.userId} join`]);
    expect(await list('not_membership=leave')).toEqual([`${ana.userId} join`]);
    expect(await list(`at=${joined}&membership=join`)).toHaveLength(2);
    expect(before).toBeDefined();
    // Together the two choose those who meet one of them.
    expect(await list('membership=leave&not_membership=join')).toEqual([`${ben.userId} leave`]);
    expect(await list('membership=join&not_membership=leave')).toEqual([`${ana.userId} join`]);
    expect(await list('membership=join&not_membership=ban')).toHaveLength(2);
  });

  it('are refused for a membership that there is not', async () => {
    const roomId = await roomWith(0);
    for (const query of ['membership=member', 'not_membership=']) {
      const answer = await ana.request('GET', `v3/rooms/${enc(roomId)}/members?${query}`);
      expect([answer.status, answer.body.errcode]).toEqual([400, 'M_INVALID_PARAM']);
    }
  });
});

describe('relations', () => {
  it('A3.3 edits and threads come bundled, edits by others do not count', async () => {
    const roomId = await roomWith(0);
    await ben.join(roomId);
    const eventId = await ana.say(roomId, 'tpyo');
    const edit = (client: TestClient, body: string, txnId: string) =>
      client.ok('PUT', `v3/rooms/${enc(roomId)}/send/m.room.message/${txnId}`, {
        msgtype: 'm.text',
        body: `* ${body}`,
        'm.new_content': { msgtype: 'm.text', body },
        'm.relates_to': { rel_type: 'm.replace', event_id: eventId },
      });
    await edit(ana, 'typo', 'e1');
    await edit(ben, 'hacked', 'e2');
    await ben.ok('PUT', `v3/rooms/${enc(roomId)}/send/m.room.message/th`, {
      msgtype: 'm.text',
      body: 'reply',
      'm.relates_to': { rel_type: 'm.thread', event_id: eventId },
    });
    const relations = (await ana.ok('GET', `v3/rooms/${enc(roomId)}/event/${enc(eventId)}`)).unsigned['m.relations'];
    expect(relations['m.replace'].content['m.new_content'].body).toBe('typo');
    expect(relations['m.thread']).toMatchObject({ count: 1, current_user_participated: true });
    expect(relations['m.thread'].latest_event.content.body).toBe('reply');
  });

  it('A3.3 of who has left, edits and threads go no further than they may read', async () => {
    const roomId = await roomWith(0);
    await ben.join(roomId);
    const eventId = await ana.say(roomId, 'first');
    const relate = async (relType: string, body: string) =>
      await ana.ok('PUT', `v3/rooms/${enc(roomId)}/send/m.room.message/${relType}${body}`, {
        msgtype: 'm.text',
        body,
        'm.relates_to': { rel_type: relType, event_id: eventId },
        ...(relType === 'm.replace' ? { 'm.new_content': { msgtype: 'm.text', body } } : {}),
      });
    for (const relType of ['m.replace', 'm.thread']) await relate(relType, 'while');
    await ben.ok('POST', `v3/rooms/${enc(roomId)}/leave`, {});
    for (const relType of ['m.replace', 'm.thread']) await relate(relType, 'after');
    const relationsFor = async (client: TestClient) =>
      (await client.ok('GET', `v3/rooms/${enc(roomId)}/event/${enc(eventId)}`)).unsigned['m.relations'];
    const bodyOf = ({ content }: Body) => content.body;
    const seen = await relationsFor(ben);
    expect([bodyOf(seen['m.replace']), bodyOf(seen['m.thread'].latest_event)]).toEqual(['while', 'while']);
    expect(seen['m.thread'].count).toBe(1);
    const all = await relationsFor(ana);
    expect([bodyOf(all['m.replace']), bodyOf(all['m.thread'].latest_event)]).toEqual(['after', 'after']);
    expect(all['m.thread'].count).toBe(2);
  });

  it('A3.3 of who was away while only members could read, edits and threads of that time are not shown', async () => {
    const roomId = await roomWith(0, visibility('joined'));
    await ben.join(roomId);
    const eventId = await ana.say(roomId, 'first');
    await ben.ok('POST', `v3/rooms/${enc(roomId)}/leave`, {});
    for (const relType of ['m.replace', 'm.thread'])
      await ana.ok('PUT', `v3/rooms/${enc(roomId)}/send/m.room.message/away${relType}`, {
        msgtype: 'm.text',
        body: 'while away',
        'm.relates_to': { rel_type: relType, event_id: eventId },
      });
    await ben.join(roomId);
    const shown = await ben.ok('GET', `v3/rooms/${enc(roomId)}/event/${enc(eventId)}`);
    expect(shown.content.body).toBe('first');
    expect(JSON.stringify(shown)).not.toContain('while away');
  });

  it('are listed page by page, by type', async () => {
    const roomId = await roomWith(0);
    const eventId = await ana.say(roomId, 'like me');
    for (const key of ['a', 'b', 'c'])
      await ana.ok('PUT', `v3/rooms/${enc(roomId)}/send/m.reaction/${key}`, {
        'm.relates_to': { rel_type: 'm.annotation', event_id: eventId, key },
      });
    const path = `v1/rooms/${enc(roomId)}/relations/${enc(eventId)}`;
    const keys = (part: Body) =>
      part.chunk.map((event: { content: Body }) => event.content['m.relates_to'].key).join('');
    const first = await ana.ok('GET', `${path}/m.annotation/m.reaction?limit=2`);
    expect(keys(first)).toBe('cb');
    const rest = await ana.ok('GET', `${path}/m.annotation?limit=2&from=${first.next_batch}`);
    expect(keys(rest)).toBe('a');
    expect(rest.next_batch).toBeUndefined();
    expect(keys(await ana.ok('GET', `${path}?dir=f`))).toBe('abc');
    expect((await ana.ok('GET', `${path}/m.replace`)).chunk).toEqual([]);
  });
});
