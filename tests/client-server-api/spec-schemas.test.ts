import { beforeAll, describe, expect, it } from 'vitest';
import { enc } from '../harness/client.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { ResponseSchemas } from '../harness/response-schemas.ts';
import { SPECIFICATION } from '../harness/specification.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
type Body = any;

interface Person {
  readonly userId: string;
  readonly deviceId: string;
  readonly token: string;
}

const PASSWORD = 'a good one';
/** A PNG of one pixel. */
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

if (SPECIFICATION === undefined)
  console.log('The schemas of the specification (MATRIX_SPEC) are not here: no answers are compared with them.');

describe.skipIf(SPECIFICATION === undefined)('every endpoint answers in the form of its schema', async () => {
  const schemas = new ResponseSchemas();
  const server = await startHomeserver({ settings: { 'federation.public_address': 'localhost:8448' } });
  const routes = server.routes.client.flatMap((route) => {
    const operation = schemas.operation(route.method, route.path);
    const pattern = new RegExp(`^${route.path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]*')}$`);
    return operation === undefined ? [] : [{ operation, method: route.method, pattern }];
  });
  const deviations: string[] = [];
  const driven = new Set<string>();
  let ana: Person;
  let ben: Person;
  let roomId: string;
  let eventId: string;

  /** Any request; its answer is held against the schema of its endpoint. */
  async function call(
    person: Person | undefined,
    method: string,
    path: string,
    body?: object | Buffer,
  ): Promise<{ status: number; body: Body }> {
    const url = new URL(path.startsWith('/') ? path : `/_matrix/client/${path}`, server.baseUrl);
    const route = routes.find((known) => known.method === method && known.pattern.test(url.pathname));
    if (route === undefined) throw new Error(`${method} ${url.pathname} is no endpoint of the specification`);
    const response = await fetch(url, {
      method,
      headers: {
        ...(person === undefined ? {} : { authorization: `Bearer ${person.token}` }),
        ...(body === undefined ? {} : { 'content-type': body instanceof Buffer ? 'image/png' : 'application/json' }),
      },
      ...(body === undefined ? {} : { body: body instanceof Buffer ? new Uint8Array(body) : JSON.stringify(body) }),
    });
    const label = `${route.operation.endpoint} ${response.status}`;
    if (response.status === 200) driven.add(route.operation.endpoint);
    if (response.headers.get('content-type')?.startsWith('application/json') !== true)
      return { status: response.status, body: await response.arrayBuffer() };
    const answer = await response.json();
    const check = await schemas.response(route.operation, response.status);
    for (const problem of check?.(answer) ?? []) deviations.push(`${label}: ${problem}`);
    for (const event of eventsIn(answer)) await checkEvent(label, event);
    return { status: response.status, body: answer };
  }

  async function ok(person: Person | undefined, method: string, path: string, body?: object | Buffer): Promise<Body> {
    const answer = await call(person, method, path, body);
    expect(answer.status, `${method} ${path}: ${JSON.stringify(answer.body)}`).toBe(200);
    return answer.body;
  }

  async function checkEvent(label: string, event: Body): Promise<void> {
    if (event.unsigned?.redacted_because !== undefined) return; // Without the content that its schema asks for.
    const variant = event.content.msgtype;
    const check = await schemas.event(event.type, typeof variant === 'string' ? variant : undefined);
    // Left out where the place of the event says it: in /sync, in stripped state.
    const whole = { room_id: '!r', event_id: '$e', sender: '@a:b', origin_server_ts: 1, ...event };
    for (const problem of check?.(whole) ?? []) deviations.push(`${label}, ${event.type}: ${problem}`);
  }

  async function register(username: string): Promise<Person> {
    const request = { username, password: PASSWORD, auth: { type: 'm.login.dummy' } };
    const body = await ok(undefined, 'POST', 'v3/register', request);
    return { userId: body.user_id, deviceId: body.device_id, token: body.access_token };
  }

  async function proven(person: Person, method: string, path: string, body: object): Promise<Body> {
    const challenge = await call(person, method, path, body);
    expect(challenge.status).toBe(401);
    const identifier = { type: 'm.id.user', user: person.userId };
    const auth = { type: 'm.login.password', identifier, password: PASSWORD, session: challenge.body.session };
    return await ok(person, method, path, { ...body, auth });
  }

  const room = (suffix: string, id = roomId) => `v3/rooms/${enc(id)}/${suffix}`;

  beforeAll(async () => {
    ana = await register('ana');
    ben = await register('ben');
    roomId = (await ok(ana, 'POST', 'v3/createRoom', { preset: 'public_chat', name: 'Hall', topic: 'All' })).room_id;
    await ok(ben, 'POST', room('join'), {});
    const message = { msgtype: 'm.text', body: 'hello' };
    eventId = (await ok(ana, 'PUT', room('send/m.room.message/first'), message)).event_id;
  });

  it('as the schemas themselves show, which see what is missing or of a wrong type', async () => {
    const operation = schemas.operation('GET', '/_matrix/client/v3/sync');
    if (operation === undefined) throw new Error('/sync is not in the specification');
    const check = await schemas.response(operation, 200);
    const rooms = { join: { '!r': { timeline: { events: [{ type: 'm.room.message' }], limited: 'no' } } } };
    expect(check?.({ rooms })).toEqual(
      expect.arrayContaining([
        expect.stringContaining("must have required property 'next_batch'"),
        expect.stringContaining('/rooms/join/!r/timeline/limited must be boolean'),
        expect.stringContaining("/timeline/events/0 must have required property 'event_id'"),
      ]),
    );
    const event = await schemas.event('m.room.message', 'm.image');
    expect(event?.({ type: 'm.room.message', content: { msgtype: 'm.image', body: 1 } }).length).toBeGreaterThan(2);
  });

  it('discovery and accounts', async () => {
    await ok(undefined, 'GET', 'versions');
    await ok(undefined, 'GET', '/.well-known/matrix/client');
    await ok(undefined, 'GET', '/.well-known/matrix/server');
    await ok(ana, 'GET', 'v3/capabilities');
    await ok(undefined, 'GET', 'v3/login');
    await ok(undefined, 'GET', 'v3/register/available?username=nobody');
    await ok(undefined, 'GET', 'v1/register/m.login.registration_token/validity?token=none');
    expect((await call(undefined, 'POST', 'v3/register', { username: 'cyn', password: PASSWORD })).status).toBe(401);
    const identifier = { type: 'm.id.user', user: 'ana' };
    const login = { type: 'm.login.password', identifier, password: PASSWORD, refresh_token: true };
    const session = await ok(undefined, 'POST', 'v3/login', login);
    const again = await ok(undefined, 'POST', 'v3/refresh', { refresh_token: session.refresh_token });
    const second = { userId: session.user_id, deviceId: session.device_id, token: again.access_token };
    await ok(second, 'GET', 'v3/account/whoami');
    await ok(second, 'GET', 'v3/account/3pid');
    await ok(second, 'POST', `v3/user/${enc(ana.userId)}/openid/request_token`, {});
    await ok(second, 'POST', 'v3/logout');
  });

  it('devices, passwords and the end of an account', async () => {
    const cyn = await register('cyn');
    const login = { type: 'm.login.password', identifier: { type: 'm.id.user', user: 'cyn' }, password: PASSWORD };
    const one = await ok(undefined, 'POST', 'v3/login', login);
    const two = await ok(undefined, 'POST', 'v3/login', login);
    await ok(cyn, 'GET', 'v3/devices');
    await ok(cyn, 'PUT', `v3/devices/${one.device_id}`, { display_name: 'Phone' });
    await ok(cyn, 'GET', `v3/devices/${one.device_id}`);
    await proven(cyn, 'DELETE', `v3/devices/${one.device_id}`, {});
    await proven(cyn, 'POST', 'v3/delete_devices', { devices: [two.device_id] });
    await proven(cyn, 'POST', 'v3/account/password', { new_password: PASSWORD });
    await ok(cyn, 'POST', 'v3/logout/all');
    const last = await ok(undefined, 'POST', 'v3/login', login);
    await proven({ ...cyn, token: last.access_token }, 'POST', 'v3/account/deactivate', {});
  });

  it('profiles, account data, tags, filters and push rules', async () => {
    const self = `v3/user/${enc(ana.userId)}`;
    const profile = `v3/profile/${enc(ana.userId)}`;
    await ok(ana, 'PUT', `${profile}/displayname`, { displayname: 'Ana' });
    await ok(ana, 'GET', `${profile}/displayname`);
    await ok(ana, 'GET', profile);
    await ok(ana, 'DELETE', `${profile}/displayname`);
    await ok(ben, 'POST', 'v3/user_directory/search', { search_term: 'ana' });
    await ok(ana, 'PUT', `${self}/account_data/m.direct`, { [ben.userId]: [roomId] });
    await ok(ana, 'GET', `${self}/account_data/m.direct`);
    await ok(ana, 'PUT', `${self}/rooms/${enc(roomId)}/account_data/m.marked_unread`, { unread: true });
    await ok(ana, 'GET', `${self}/rooms/${enc(roomId)}/account_data/m.marked_unread`);
    await ok(ana, 'PUT', `${self}/rooms/${enc(roomId)}/tags/m.favourite`, { order: 0.5 });
    await ok(ana, 'GET', `${self}/rooms/${enc(roomId)}/tags`);
    await ok(ana, 'DELETE', `${self}/rooms/${enc(roomId)}/tags/m.favourite`);
    const { filter_id: filterId } = await ok(ana, 'POST', `${self}/filter`, { room: { timeline: { limit: 5 } } });
    await ok(ana, 'GET', `${self}/filter/${filterId}`);
    const rule = 'v3/pushrules/global/content/cake';
    await ok(ana, 'PUT', rule, { pattern: 'cake', actions: ['notify'] });
    await ok(ana, 'GET', rule);
    await ok(ana, 'PUT', `${rule}/enabled`, { enabled: false });
    await ok(ana, 'GET', `${rule}/enabled`);
    await ok(ana, 'PUT', `${rule}/actions`, { actions: ['notify', { set_tweak: 'sound', value: 'default' }] });
    await ok(ana, 'GET', `${rule}/actions`);
    await ok(ana, 'GET', 'v3/pushrules/');
    await ok(ana, 'GET', 'v3/pushrules/global/');
    await ok(ana, 'DELETE', rule);
    await ok(ana, 'PUT', `v3/presence/${enc(ana.userId)}/status`, { presence: 'online', status_msg: 'Here' });
    await ok(ben, 'GET', `v3/presence/${enc(ana.userId)}/status`);
  });

  it('membership', async () => {
    const { room_id: id } = await ok(ana, 'POST', 'v3/createRoom', { preset: 'private_chat', is_direct: true });
    const target = { user_id: ben.userId, reason: 'because' };
    await ok(ana, 'POST', room('invite', id), target);
    await ok(ben, 'GET', 'v3/sync');
    await ok(ben, 'POST', `v3/join/${enc(id)}`, {});
    await ok(ana, 'POST', room('kick', id), target);
    await ok(ana, 'POST', room('ban', id), target);
    await ok(ana, 'POST', room('unban', id), target);
    await ok(ana, 'POST', room('invite', id), target);
    await ok(ben, 'POST', room('leave', id), {});
    await ok(ben, 'GET', 'v3/sync?filter={"room":{"include_leave":true}}');
    await ok(ben, 'POST', room('forget', id), {});
    await ok(ben, 'GET', 'v3/joined_rooms');
    await ok(ana, 'PUT', room('state/m.room.join_rules/', id), { join_rule: 'knock' });
    await ok(ben, 'POST', `v3/knock/${enc(id)}`, { reason: 'because' });
    await ok(ben, 'GET', 'v3/sync');
  });

  it('a room: its events, state, members and pages', async () => {
    await ok(ana, 'PUT', room('state/m.room.topic/'), { topic: 'Some' });
    await ok(ana, 'PUT', room('state/m.room.server_acl/'), { allow: ['*'], deny: [], allow_ip_literals: true });
    await ok(ana, 'GET', room('state'));
    await ok(ana, 'GET', room('state/m.room.topic/'));
    await ok(ana, 'GET', room('state/m.room.topic/?format=event'));
    const reply = {
      msgtype: 'm.text',
      body: 'in a thread',
      'm.relates_to': { rel_type: 'm.thread', event_id: eventId },
    };
    await ok(ben, 'PUT', room('send/m.room.message/thread'), reply);
    const edit = { msgtype: 'm.text', body: '* hi', 'm.new_content': { msgtype: 'm.text', body: 'hi' } };
    const replacing = { ...edit, 'm.relates_to': { rel_type: 'm.replace', event_id: eventId } };
    await ok(ana, 'PUT', room('send/m.room.message/edit'), replacing);
    const reaction = { 'm.relates_to': { rel_type: 'm.annotation', event_id: eventId, key: '👍' } };
    const { event_id: reactionId } = await ok(ben, 'PUT', room('send/m.reaction/thumb'), reaction);
    await ok(ben, 'PUT', room(`redact/${enc(reactionId)}/undo`), { reason: 'sorry' });
    await ok(ana, 'GET', room(`event/${enc(eventId)}`));
    await ok(ana, 'GET', room(`context/${enc(eventId)}?limit=6`));
    await ok(ana, 'GET', room('messages?dir=b&limit=50'));
    await ok(ana, 'GET', room('members'));
    await ok(ana, 'GET', room('joined_members'));
    await ok(ana, 'GET', `v1/rooms/${enc(roomId)}/timestamp_to_event?ts=0&dir=f`);
    for (const kind of ['', '/m.thread', '/m.thread/m.room.message'])
      await ok(ana, 'GET', `v1/rooms/${enc(roomId)}/relations/${enc(eventId)}${kind}`);
  });

  it('a space', async () => {
    const space = { preset: 'public_chat', creation_content: { type: 'm.space' } };
    const { room_id: id } = await ok(ana, 'POST', 'v3/createRoom', space);
    const child = { via: [server.serverName], order: 'a', suggested: true };
    await ok(ana, 'PUT', room(`state/m.space.child/${enc(roomId)}`, id), child);
    const { rooms } = await ok(ana, 'GET', `v1/rooms/${enc(id)}/hierarchy`);
    expect(rooms).toHaveLength(2);
  });

  it('typing, receipts and read markers', async () => {
    await ok(ben, 'PUT', room(`typing/${enc(ben.userId)}`), { typing: true, timeout: 30_000 });
    await ok(ben, 'POST', room(`receipt/m.read/${enc(eventId)}`), { thread_id: 'main' });
    await ok(ben, 'POST', room(`receipt/m.read.private/${enc(eventId)}`), {});
    await ok(ben, 'POST', room('read_markers'), { 'm.fully_read': eventId, 'm.read': eventId });
  });

  it('aliases and the room directory', async () => {
    const alias = enc(`#hall:${server.serverName}`);
    await ok(ana, 'PUT', `v3/directory/room/${alias}`, { room_id: roomId });
    await ok(undefined, 'GET', `v3/directory/room/${alias}`);
    await ok(ana, 'GET', room('aliases'));
    await ok(ana, 'PUT', `v3/directory/list/room/${enc(roomId)}`, { visibility: 'public' });
    await ok(undefined, 'GET', `v3/directory/list/room/${enc(roomId)}`);
    await ok(undefined, 'GET', 'v3/publicRooms');
    await ok(ana, 'GET', `v1/room_summary/${alias}`);
    await ok(ana, 'POST', 'v3/publicRooms', { filter: { generic_search_term: 'hall' } });
    await ok(ana, 'DELETE', `v3/directory/room/${alias}`);
  });

  it('media', async () => {
    const { content_uri: uri } = await ok(ana, 'POST', '/_matrix/media/v3/upload?filename=p.png', PIXEL);
    const { content_uri: later } = await ok(ana, 'POST', '/_matrix/media/v1/create');
    await ok(ana, 'PUT', `/_matrix/media/v3/upload/${later.slice('mxc://'.length)}`, PIXEL);
    const medium = uri.slice('mxc://'.length);
    await ok(ana, 'GET', `v1/media/download/${medium}`);
    await ok(ana, 'GET', `v1/media/download/${medium}/p.png`);
    await ok(ana, 'GET', `v1/media/thumbnail/${medium}?width=32&height=32&method=scale`);
    await ok(ana, 'GET', 'v1/media/config');
    await ok(ana, 'GET', '/_matrix/media/v3/config');
  });

  it('/sync: initial, incremental, all state, and state after the timeline', async () => {
    const first = await ok(ana, 'GET', 'v3/sync');
    await ok(ben, 'PUT', room('send/m.room.message/more'), { msgtype: 'm.text', body: 'more' });
    const toDevice = { messages: { [ana.userId]: { [ana.deviceId]: { n: 1 } } } };
    await ok(ben, 'PUT', 'v3/sendToDevice/m.test/1', toDevice);
    await ok(ana, 'GET', `v3/keys/changes?from=${first.next_batch}&to=${first.next_batch}`);
    await ok(ana, 'GET', `v3/sync?since=${first.next_batch}`);
    await ok(ana, 'GET', `v3/sync?since=${first.next_batch}&full_state=true&use_state_after=true`);
    const lazy = { room: { state: { lazy_load_members: true }, timeline: { unread_thread_notifications: true } } };
    await ok(ana, 'GET', `v3/sync?filter=${enc(JSON.stringify(lazy))}`);
  });

  it('and none was left out', () => {
    const never = routes.map(({ operation }) => operation.endpoint).filter((endpoint) => !driven.has(endpoint));
    expect([...new Set(never)].filter((endpoint) => !NO_CONTENT.has(endpoint))).toEqual([]);
    expect([...new Set(deviations)]).toEqual([]);
  });
});

/** Endpoints that have nothing to show on this server: frozen ones, and a support page that is not configured. */
const NO_CONTENT: ReadonlySet<string> = new Set([
  'GET /.well-known/matrix/support',
  'GET /_matrix/media/v3/download/{serverName}/{mediaId}',
  'GET /_matrix/media/v3/download/{serverName}/{mediaId}/{fileName}',
  'GET /_matrix/media/v3/thumbnail/{serverName}/{mediaId}',
]);

/** Everything in an answer that has a type and content. */
function* eventsIn(value: Body): Generator<Body> {
  if (typeof value !== 'object' || value === null) return;
  if (typeof value.type === 'string' && typeof value.content === 'object') yield value;
  for (const child of Object.values(value)) yield* eventsIn(child);
}
