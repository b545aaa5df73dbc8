import { expect, test } from 'vitest';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const puppet = await startPuppetServer();
const alice = await Person.register(alpha, 'alice');
const roomId = await alice.createRoom({ preset: 'private_chat' });
const event = encodeURIComponent(await alice.say(roomId, 'secret'));
const secret = encodeURIComponent(roomId);
const guest = encodeURIComponent(puppet.user('guest'));
const nobody = encodeURIComponent(`@nobody:${alpha.serverName}`);

/** A request that must be refused: its path after `/_matrix/federation` or with `/_matrix`, and how it is answered. */
interface Refusal {
  readonly path: string;
  readonly body?: object;
  readonly status: number;
  readonly errcode: string;
}

/** Of each call one that a server which shares no room with us gets no answer to, or that has no valid form. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  'GET /_matrix/federation/v1/backfill/{roomId}': {
    path: `/v1/backfill/${secret}?v=${event}&limit=1`,
    status: 403,
    errcode: 'M_FORBIDDEN',
  },
  'POST /_matrix/federation/v1/get_missing_events/{roomId}': {
    path: `/v1/get_missing_events/${secret}`,
    body: { earliest_events: [], latest_events: [decodeURIComponent(event)] },
    status: 403,
    errcode: 'M_FORBIDDEN',
  },
  'GET /_matrix/federation/v1/media/download/{mediaId}': {
    path: '/v1/media/download/unknown',
    status: 404,
    errcode: 'M_NOT_FOUND',
  },
  'GET /_matrix/federation/v1/media/thumbnail/{mediaId}': {
    path: '/v1/media/thumbnail/unknown?width=1&height=1',
    status: 404,
    errcode: 'M_NOT_FOUND',
  },
  'GET /_matrix/federation/v1/event_auth/{roomId}/{eventId}': {
    path: `/v1/event_auth/${secret}/${event}`,
    status: 403,
    errcode: 'M_FORBIDDEN',
  },
  'GET /_matrix/federation/v1/event/{eventId}': { path: `/v1/event/${event}`, status: 404, errcode: 'M_NOT_FOUND' },
  'GET /_matrix/federation/v1/state/{roomId}': {
    path: `/v1/state/${secret}?event_id=${event}`,
    status: 403,
    errcode: 'M_FORBIDDEN',
  },
  'GET /_matrix/federation/v1/state_ids/{roomId}': {
    path: `/v1/state_ids/${secret}?event_id=${event}`,
    status: 403,
    errcode: 'M_FORBIDDEN',
  },
  'GET /_matrix/federation/v1/timestamp_to_event/{roomId}': {
    path: `/v1/timestamp_to_event/${secret}?ts=0&dir=f`,
    status: 403,
    errcode: 'M_FORBIDDEN',
  },
  'PUT /_matrix/federation/v1/invite/{roomId}/{eventId}': {
    path: `/v1/invite/${secret}/${event}`,
    body: {},
    status: 400,
    errcode: 'M_INVALID_PARAM',
  },
  'PUT /_matrix/federation/v2/invite/{roomId}/{eventId}': {
    path: `/v2/invite/${secret}/${event}`,
    body: { room_version: '12', event: {}, invite_room_state: [] },
    status: 400,
    errcode: 'M_INVALID_PARAM',
  },
  'GET /_matrix/federation/v1/make_join/{roomId}/{userId}': {
    path: `/v1/make_join/${secret}/${guest}?ver=12`,
    status: 403,
    errcode: 'M_FORBIDDEN',
  },
  'PUT /_matrix/federation/v2/send_join/{roomId}/{eventId}': {
    path: `/v2/send_join/${secret}/${event}`,
    body: {},
    status: 400,
    errcode: 'M_INVALID_PARAM',
  },
  'GET /_matrix/federation/v1/make_knock/{roomId}/{userId}': {
    path: `/v1/make_knock/${secret}/${guest}?ver=12`,
    status: 403,
    errcode: 'M_FORBIDDEN',
  },
  'PUT /_matrix/federation/v1/send_knock/{roomId}/{eventId}': {
    path: `/v1/send_knock/${secret}/${event}`,
    body: {},
    status: 400,
    errcode: 'M_INVALID_PARAM',
  },
  'GET /_matrix/federation/v1/make_leave/{roomId}/{userId}': {
    path: `/v1/make_leave/${secret}/${guest}`,
    status: 403,
    errcode: 'M_FORBIDDEN',
  },
  'PUT /_matrix/federation/v2/send_leave/{roomId}/{eventId}': {
    path: `/v2/send_leave/${secret}/${event}`,
    body: {},
    status: 400,
    errcode: 'M_INVALID_PARAM',
  },
  'GET /_matrix/federation/v1/openid/userinfo': {
    path: '/v1/openid/userinfo?access_token=unknown',
    status: 401,
    errcode: 'M_UNKNOWN_TOKEN',
  },
  'GET /_matrix/federation/v1/publicRooms': {
    path: '/v1/publicRooms?limit=-1',
    status: 400,
    errcode: 'M_INVALID_PARAM',
  },
  'POST /_matrix/federation/v1/publicRooms': {
    path: '/v1/publicRooms',
    body: { filter: { room_types: 'all' } },
    status: 400,
    errcode: 'M_BAD_JSON',
  },
  'GET /_matrix/federation/v1/query/directory': {
    path: `/v1/query/directory?room_alias=${encodeURIComponent(`#none:${alpha.serverName}`)}`,
    status: 404,
    errcode: 'M_NOT_FOUND',
  },
  'GET /_matrix/federation/v1/query/profile': {
    path: `/v1/query/profile?user_id=${nobody}`,
    status: 404,
    errcode: 'M_NOT_FOUND',
  },
  'GET /_matrix/federation/v1/query/{queryType}': { path: '/v1/query/unknown', status: 404, errcode: 'M_UNRECOGNIZED' },
  'GET /_matrix/federation/v1/hierarchy/{roomId}': {
    path: `/v1/hierarchy/${secret}`,
    status: 404,
    errcode: 'M_NOT_FOUND',
  },
  'PUT /_matrix/federation/v1/3pid/onbind': {
    path: '/v1/3pid/onbind',
    body: { medium: 'email' },
    status: 400,
    errcode: 'M_MISSING_PARAM',
  },
  'PUT /_matrix/federation/v1/exchange_third_party_invite/{roomId}': {
    path: `/v1/exchange_third_party_invite/${secret}`,
    body: {},
    status: 400,
    errcode: 'M_MISSING_PARAM',
  },
  'PUT /_matrix/federation/v1/send/{txnId}': {
    path: '/v1/send/refused',
    body: { pdus: Array(51).fill({}) },
    status: 400,
    errcode: 'M_INVALID_PARAM',
  },
  'GET /_matrix/federation/v1/user/devices/{userId}': {
    path: `/v1/user/devices/${guest}`,
    status: 404,
    errcode: 'M_NOT_FOUND',
  },
  'POST /_matrix/federation/v1/user/keys/claim': {
    path: '/v1/user/keys/claim',
    body: { one_time_keys: [] },
    status: 400,
    errcode: 'M_BAD_JSON',
  },
  'POST /_matrix/federation/v1/user/keys/query': {
    path: '/v1/user/keys/query',
    body: { device_keys: [] },
    status: 400,
    errcode: 'M_BAD_JSON',
  },
  'POST /_matrix/key/v2/query': {
    path: '/_matrix/key/v2/query',
    body: { server_keys: [] },
    status: 400,
    errcode: 'M_BAD_JSON',
  },
  'GET /_matrix/key/v2/query/{serverName}': {
    path: '/_matrix/key/v2/query/x?minimum_valid_until_ts=-1',
    status: 400,
    errcode: 'M_INVALID_PARAM',
  },
  'POST /_matrix/policy/v1/sign': { path: '/_matrix/policy/v1/sign', body: {}, status: 404, errcode: 'M_UNRECOGNIZED' },
};

/** Open to all, with nothing to be asked wrongly. */
const OPEN: ReadonlySet<string> = new Set(['GET /_matrix/federation/v1/version', 'GET /_matrix/key/v2/server']);

test('every call is in the table of refusals, but for those that are open to all', () => {
  const routes = alpha.routes.federation.map(({ method, path }) => `${method} ${path}`);
  expect(routes.filter((route) => !OPEN.has(route)).sort()).toEqual(Object.keys(REFUSALS).sort());
});

test.for(Object.entries(REFUSALS))('%s refuses what it must', async ([route, { path, body, status, errcode }]) => {
  const method = route.split(' ')[0] as 'GET' | 'PUT' | 'POST';
  const answer = await puppet.call(alpha.serverName, method, path, body as never);
  expect([answer.status, answer.body.errcode], answer.text).toEqual([status, errcode]);
});

test('and none of it has changed anything', async () => {
  expect(await alice.texts(roomId)).toEqual(['secret']);
  expect(await alice.roomOk('GET', roomId, 'joined_members')).toEqual({
    joined: { [alice.userId]: expect.anything() },
  });
});
