import { Type } from 'typebox';
import { expect, test } from 'vitest';
import type { FederationClient } from '../../server/src/federation/federation-client.ts';
import { type FederationRoute, federationRoute, type RouteRequest } from '../../server/src/http/route.ts';
import { AnyObject } from '../../server/src/http/schemas.ts';
import { MatrixError } from '../../server/src/protocol/errors.ts';
import { type JsonObject, NonCanonicalToken } from '../../server/src/protocol/json.ts';
import { testDatabase } from '../harness/test-database.ts';
import { startFederationServer, startScriptedPeer, testFederation } from './federation-scene.ts';
import { manualClock } from './manual-clock.ts';

const ours = await testDatabase();
const theirs = await testDatabase();

const Values = Type.Optional(Type.Array(Type.String({ maxLength: 1000 })));
type Handle = (request: RouteRequest & { origin: string }) => unknown;

/** A signed route; every key of the query is a list. */
function route(method: FederationRoute['method'], path: string, query: string[], handle: Handle): FederationRoute {
  return federationRoute({
    method,
    path: `/_matrix/federation/${path}`,
    auth: 'x_matrix',
    serverAcl: 'none',
    inRoom: 'none',
    rateLimit: 'none',
    query: Type.Object(Object.fromEntries(query.map((key) => [key, Values]))),
    ...(method === 'GET' ? {} : { body: AnyObject }),
    handle: async (request) => (await handle(request)) as JsonObject,
  });
}

const ROOM = '!r/%?#&+ é:b.localhost';
const USER = '@u/%?#:a.localhost';
const EVENT = '$e_-/+?';
const event: JsonObject = {
  type: 'm.room.member',
  content: { membership: 'join', ä: '\u0000"\\', n: 9007199254740991 },
};

/** Calls one method of our client at a server that has one route, and tells what arrived there. */
async function call(
  [method, path, query]: [FederationRoute['method'], string, string[]],
  answer: unknown,
  run: (client: FederationClient, destination: string) => Promise<unknown>,
): Promise<{ result: unknown; arrived: { params: unknown; query: unknown; body: unknown; origin: string } }> {
  let arrived: { params: unknown; query: unknown; body: unknown; origin: string } | undefined;
  const peer = await startFederationServer(theirs, [
    route(method, path, query, ({ params, query: received, body, origin }) => {
      arrived = { params: { ...params }, query: { ...(received as object) }, body, origin };
      if (answer instanceof MatrixError) throw answer;
      return answer;
    }),
  ]);
  const us = await startFederationServer(ours, []);
  const result = await run(us.client, peer.serverName);
  if (arrived === undefined) throw new Error('Nothing arrived.');
  expect(arrived.origin).toBe(us.serverName);
  return { result, arrived };
}

const template = { room_version: '12', event };

test.each([
  ['join', 'makeJoin', ['ver']],
  ['knock', 'makeKnock', ['ver']],
] as const)('make_%s asks with the versions that we know, however odd the ids are', async (name, method, query) => {
  const { result, arrived } = await call(
    ['GET', `v1/make_${name}/{roomId}/{userId}`, [...query]],
    template,
    (client, destination) =>
      client[method](destination, { roomId: ROOM as never, userId: USER as never, versions: ['11', '12'] }),
  );
  expect(arrived).toMatchObject({ params: { roomId: ROOM, userId: USER }, query: { ver: ['11', '12'] } });
  expect(result).toEqual({ roomVersion: '12', event });
});

test('send_join sends the event and reads state, auth chain and servers', async () => {
  const answer = {
    event,
    state: [event, 1, null],
    auth_chain: [],
    members_omitted: true,
    servers_in_room: ['a.example', 'not a name'],
  };
  const { result, arrived } = await call(
    ['PUT', 'v2/send_join/{roomId}/{eventId}', ['omit_members']],
    answer,
    (client, destination) =>
      client.sendJoin(destination, { roomId: ROOM as never, eventId: EVENT as never, event, omitMembers: true }),
  );
  expect(arrived).toMatchObject({
    params: { roomId: ROOM, eventId: EVENT },
    query: { omit_members: ['true'] },
    body: event,
  });
  expect(result).toEqual({ event, state: [event], authChain: [], membersOmitted: true, serversInRoom: ['a.example'] });
});

test('an event of an answer that no room can hold does not spoil the others', async () => {
  const clock = manualClock(Date.now());
  const peer = await startScriptedPeer(clock);
  const { client } = await testFederation(ours, { clock });
  peer.handle = (_request, response) => response.end('{"pdus":[{"depth":1.5},{"depth":2},{"depth":9007199254740993}]}');
  const pdus = await client.backfill(peer.serverName, { roomId: '!r:x', from: ['$e'], limit: 3 });
  expect(pdus.map(({ depth }) => depth)).toEqual([
    new NonCanonicalToken('number', '1.5'),
    2,
    new NonCanonicalToken('number', '9007199254740993'),
  ]);
});

test('invite sends room version and stripped state', async () => {
  const { result, arrived } = await call(
    ['PUT', 'v2/invite/{roomId}/{eventId}', []],
    { event },
    (client, destination) =>
      client.invite(destination, {
        roomId: ROOM as never,
        eventId: EVENT as never,
        event,
        roomVersion: '12',
        inviteRoomState: [{ type: 'm.room.create' }],
      }),
  );
  expect(arrived.body).toEqual({ room_version: '12', event, invite_room_state: [{ type: 'm.room.create' }] });
  expect(result).toEqual({ event });
});

test.each([
  ['1', true],
  ['2', true],
  ['11', false],
])('an invite to a room of version %s falls back to the old endpoint: %s', async (roomVersion, fallsBack) => {
  const run = call(['PUT', 'v1/invite/{roomId}/{eventId}', []], [200, { event }], (client, destination) =>
    client.invite(destination, {
      roomId: ROOM as never,
      eventId: EVENT as never,
      event,
      roomVersion,
      inviteRoomState: [{ type: 'm.room.name' }],
    }),
  );
  if (!fallsBack) return void (await expect(run).rejects.toMatchObject({ reason: 'refused', remote: { status: 404 } }));
  const { result, arrived } = await run;
  expect(result).toEqual({ event });
  expect(arrived.body).toEqual({ ...event, unsigned: { invite_room_state: [{ type: 'm.room.name' }] } });
});

test('a transaction carries events as they are stored, and its answer tells about each', async () => {
  const pdu = '{"content":{"a":1},"type":"m.x"}';
  const { result, arrived } = await call(
    ['PUT', 'v1/send/{txnId}', []],
    { pdus: { $a: {}, $b: { error: 'No.' }, $c: 1 } },
    (client, destination) =>
      client.sendTransaction(destination, {
        txnId: '17-42',
        pdus: [pdu, pdu],
        edus: [{ edu_type: 'm.typing', content: {} }],
      }),
  );
  expect(arrived.params).toEqual({ txnId: '17-42' });
  expect(arrived.body).toEqual({
    origin: arrived.origin,
    origin_server_ts: expect.any(Number),
    pdus: [JSON.parse(pdu), JSON.parse(pdu)],
    edus: [{ edu_type: 'm.typing', content: {} }],
  });
  expect(result).toEqual({
    pdus: new Map([
      ['$a', { error: undefined }],
      ['$b', { error: 'No.' }],
      ['$c', { error: undefined }],
    ]),
  });
});

const room = ROOM as never;
const id = EVENT as never;
const READS: [
  title: string,
  route: [FederationRoute['method'], string, string[]],
  answer: JsonObject,
  run: (client: FederationClient, destination: string) => Promise<unknown>,
  arrived: object,
  result: unknown,
][] = [
  [
    'make_leave',
    ['GET', 'v1/make_leave/{roomId}/{userId}', []],
    { event },
    (client, to) => client.makeLeave(to, { roomId: room, userId: USER as never }),
    { params: { roomId: ROOM, userId: USER } },
    { roomVersion: undefined, event },
  ],
  [
    'send_leave',
    ['PUT', 'v2/send_leave/{roomId}/{eventId}', []],
    {},
    (client, to) => client.sendLeave(to, { roomId: room, eventId: id, event }),
    { body: event },
    undefined,
  ],
  [
    'send_knock',
    ['PUT', 'v1/send_knock/{roomId}/{eventId}', []],
    { knock_room_state: [event] },
    (client, to) => client.sendKnock(to, { roomId: room, eventId: id, event }),
    { body: event },
    { knockRoomState: [event] },
  ],
  [
    'backfill',
    ['GET', 'v1/backfill/{roomId}', ['v', 'limit']],
    { pdus: [event] },
    (client, to) => client.backfill(to, { roomId: room, from: ['$a', '$b'], limit: 100 }),
    { query: { v: ['$a', '$b'], limit: ['100'] } },
    [event],
  ],
  [
    'get_missing_events',
    ['POST', 'v1/get_missing_events/{roomId}', []],
    { events: [event] },
    (client, to) =>
      client.getMissingEvents(to, {
        roomId: room,
        earliestEvents: ['$a'],
        latestEvents: ['$b'],
        limit: 10,
        minDepth: 3,
      }),
    { body: { earliest_events: ['$a'], latest_events: ['$b'], limit: 10, min_depth: 3 } },
    [event],
  ],
  [
    'event',
    ['GET', 'v1/event/{eventId}', []],
    { pdus: [event] },
    (client, to) => client.event(to, { eventId: id }),
    { params: { eventId: EVENT } },
    event,
  ],
  [
    'state',
    ['GET', 'v1/state/{roomId}', ['event_id']],
    { pdus: [event], auth_chain: [] },
    (client, to) => client.state(to, { roomId: room, eventId: id }),
    { query: { event_id: [EVENT] } },
    { pdus: [event], authChain: [] },
  ],
  [
    'state_ids',
    ['GET', 'v1/state_ids/{roomId}', ['event_id']],
    { pdu_ids: ['$a', 'bad'], auth_chain_ids: ['$b'] },
    (client, to) => client.stateIds(to, { roomId: room, eventId: id }),
    { query: { event_id: [EVENT] } },
    { pduIds: ['$a'], authChainIds: ['$b'] },
  ],
  [
    'event_auth',
    ['GET', 'v1/event_auth/{roomId}/{eventId}', []],
    { auth_chain: [event] },
    (client, to) => client.eventAuth(to, { roomId: room, eventId: id }),
    { params: { roomId: ROOM, eventId: EVENT } },
    [event],
  ],
  [
    'timestamp_to_event',
    ['GET', 'v1/timestamp_to_event/{roomId}', ['ts', 'dir']],
    { event_id: '$a', origin_server_ts: 5 },
    (client, to) => client.timestampToEvent(to, { roomId: room, ts: 4, dir: 'f' }),
    { query: { ts: ['4'], dir: ['f'] } },
    { eventId: '$a', originServerTs: 5 },
  ],
  [
    'hierarchy',
    ['GET', 'v1/hierarchy/{roomId}', ['suggested_only']],
    { room: {}, children: [{}], inaccessible_children: ['!a:b'] },
    (client, to) => client.hierarchy(to, { roomId: room, suggestedOnly: true }),
    { query: { suggested_only: ['true'] } },
    { room: {}, children: [{}], inaccessibleChildren: ['!a:b'] },
  ],
  [
    'query/directory',
    ['GET', 'v1/query/directory', ['room_alias']],
    { room_id: '!a:b', servers: ['a.example'] },
    (client, to) => client.queryDirectory(to, { roomAlias: '#a b&c=d:x' }),
    { query: { room_alias: ['#a b&c=d:x'] } },
    { roomId: '!a:b', servers: ['a.example'] },
  ],
  [
    'query/profile',
    ['GET', 'v1/query/profile', ['user_id', 'field']],
    { displayname: 'A' },
    (client, to) => client.queryProfile(to, { userId: '@a:b', field: 'displayname' }),
    { query: { user_id: ['@a:b'], field: ['displayname'] } },
    { displayname: 'A' },
  ],
  [
    'publicRooms',
    ['GET', 'v1/publicRooms', ['limit', 'since']],
    { chunk: [{}], next_batch: 'x' },
    (client, to) => client.publicRooms(to, { limit: 5, since: 'y' }),
    { query: { limit: ['5'], since: ['y'] } },
    { chunk: [{}], next_batch: 'x' },
  ],
  [
    'publicRooms with a filter',
    ['POST', 'v1/publicRooms', []],
    { chunk: [] },
    (client, to) => client.publicRooms(to, { limit: 5, filter: { generic_search_term: 'x' } }),
    { body: { limit: 5, filter: { generic_search_term: 'x' } } },
    { chunk: [] },
  ],
  [
    'user/devices',
    ['GET', 'v1/user/devices/{userId}', []],
    { user_id: '@a:b', stream_id: 1, devices: [{}] },
    (client, to) => client.userDevices(to, { userId: '@a:b' }),
    { params: { userId: '@a:b' } },
    { user_id: '@a:b', stream_id: 1, devices: [{}] },
  ],
  [
    'user/keys/query',
    ['POST', 'v1/user/keys/query', []],
    { device_keys: {} },
    (client, to) => client.keysQuery(to, { deviceKeys: { '@a:b': [] } }),
    { body: { device_keys: { '@a:b': [] } } },
    { device_keys: {} },
  ],
  [
    'user/keys/claim',
    ['POST', 'v1/user/keys/claim', []],
    { one_time_keys: {} },
    (client, to) => client.keysClaim(to, { oneTimeKeys: { '@a:b': { D: 'signed_curve25519' } } }),
    { body: { one_time_keys: { '@a:b': { D: 'signed_curve25519' } } } },
    { one_time_keys: {} },
  ],
];

test.each(READS)('%s is sent and read', async (_title, wanted, answer, run, arrived, result) => {
  const outcome = await call(wanted, answer, run);
  expect(outcome.arrived).toMatchObject(arrived);
  expect(outcome.result).toEqual(result);
});

test('version needs no signature to be answered', async () => {
  const peer = await startFederationServer(theirs, []);
  const us = await testFederation(ours);
  expect(await us.client.version(peer.serverName)).toEqual({ name: 'Parley', version: '1.2.3' });
});
