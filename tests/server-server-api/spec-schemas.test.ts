import { describe, expect, it } from 'vitest';
import { hashAndSignEvent, type UnsignedPdu } from '../../server/src/protocol/event-signing.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom, versionNamed } from '../harness/puppet-room.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';
import { ResponseSchemas } from '../harness/response-schemas.ts';
import { SPECIFICATION } from '../harness/specification.ts';

const enc = encodeURIComponent;

/** Answers without JSON, calls that are never answered with 200, and one that another test file makes with its own signatures. */
const NOT_HERE: ReadonlySet<string> = new Set([
  'GET /_matrix/federation/v1/media/download/{mediaId}',
  'GET /_matrix/federation/v1/media/thumbnail/{mediaId}',
  'GET /_matrix/federation/v1/query/{queryType}',
  'POST /_matrix/policy/v1/sign',
  'PUT /_matrix/federation/v1/exchange_third_party_invite/{roomId}',
  'PUT /_matrix/federation/v1/invite/{roomId}/{eventId}',
]);

describe.skipIf(SPECIFICATION === undefined)(
  'every call of another server is answered in the form of its schema',
  async () => {
    const schemas = new ResponseSchemas();
    const alpha = await startHomeserver();
    const puppet = await startPuppetServer();
    const routes = alpha.routes.federation.flatMap((route) => {
      const operation = schemas.operation(route.method, route.path);
      const pattern = new RegExp(`^${route.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
      return operation === undefined ? [] : [{ operation, method: route.method, pattern }];
    });
    const deviations: string[] = [];
    const driven = new Set<string>();

    /** @param path after `/_matrix`, or after `/_matrix/federation` where it begins with a version */
    async function call(method: 'GET' | 'PUT' | 'POST', path: string, body?: object, wanted = 200) {
      const whole = path.startsWith('/v') ? `/_matrix/federation${path}` : `/_matrix${path}`;
      const pathname = whole.split('?')[0] ?? '';
      // The literal ones first: `query/profile` is no `query/{queryType}`.
      const matching = routes.filter((known) => known.method === method && known.pattern.test(pathname));
      const route = matching.find((known) => known.operation.path === decodeURIComponent(pathname)) ?? matching[0];
      if (route === undefined) throw new Error(`${method} ${pathname} is no endpoint of the specification`);
      const answer = await puppet.call(alpha.serverName, method, whole, body as never);
      expect(answer.status, `${method} ${path}: ${answer.text}`).toBe(wanted);
      if (answer.status === 200) driven.add(route.operation.endpoint);
      const check = await schemas.response(route.operation, answer.status);
      for (const problem of check?.(answer.body) ?? [])
        deviations.push(`${route.operation.endpoint} ${answer.status}: ${problem}`);
      return answer.body;
    }

    it('keys, version, profiles, aliases, devices and the directory', async () => {
      const alice = await Person.register(alpha, 'alice');
      await alice.ok('PUT', `/profile/${enc(alice.userId)}/displayname`, { displayname: 'Alice' });
      await alice.createRoom({ room_alias_name: 'hall', visibility: 'public', name: 'Hall', topic: 'All' });
      const token = await alice.ok('POST', `/user/${enc(alice.userId)}/openid/request_token`, {});
      await call('GET', '/key/v2/server');
      await call('GET', `/key/v2/query/${alpha.serverName}`);
      await call('POST', '/key/v2/query', { server_keys: { [puppet.serverName]: {} } });
      await call('GET', '/v1/version');
      await call('GET', `/v1/openid/userinfo?access_token=${token.access_token}`);
      await call('GET', `/v1/query/profile?user_id=${enc(alice.userId)}`);
      await call('GET', `/v1/query/directory?room_alias=${enc(`#hall:${alpha.serverName}`)}`);
      await call('GET', '/v1/query/unknown', undefined, 404);
      await call('GET', '/v1/publicRooms?limit=1');
      await call('POST', '/v1/publicRooms', { filter: { generic_search_term: 'hall' } });
      await call('GET', `/v1/user/devices/${enc(alice.userId)}`);
      await call('POST', '/v1/user/keys/query', { device_keys: { [alice.userId]: [] } });
      await call('POST', '/v1/user/keys/claim', { one_time_keys: { [alice.userId]: { D: 'signed_curve25519' } } });
      await call('PUT', '/v1/3pid/onbind', { medium: 'email', address: 'a@b', mxid: alice.userId, invites: [] });
      await call('POST', '/policy/v1/sign', {}, 404);
    });

    it('entering, reading and leaving a room', async () => {
      const anna = await Person.register(alpha, 'anna');
      const roomId = await anna.createRoom({ name: 'Room', creation_content: { type: 'm.space' } });
      await anna.setState(
        roomId,
        'm.space.child',
        { via: [alpha.serverName] },
        await anna.createRoom({ name: 'Child' }),
      );
      const userId = puppet.user('guest');
      const room = enc(roomId);
      const sign = (template: { room_version: string; event: UnsignedPdu & { origin: string } }) => {
        const { origin: _, ...event } = template.event;
        return hashAndSignEvent(
          event as UnsignedPdu,
          versionNamed(template.room_version),
          puppet.serverName,
          puppet.key,
        );
      };
      const join = sign(await call('GET', `/v1/make_join/${room}/${enc(userId)}?ver=12`));
      await call('PUT', `/v2/send_join/${room}/${enc(join.eventId)}`, join.pdu);
      await call('PUT', `/v2/send_join/${room}/${enc(join.eventId)}?omit_members=true`, join.pdu);
      const event = enc(await anna.say(roomId, 'hello'));
      await call('GET', `/v1/event/${event}`);
      await call('GET', `/v1/state/${room}?event_id=${event}`);
      await call('GET', `/v1/state_ids/${room}?event_id=${event}`);
      await call('GET', `/v1/event_auth/${room}/${event}`);
      await call('GET', `/v1/backfill/${room}?v=${event}&limit=5`);
      const latest = { earliest_events: [], latest_events: [decodeURIComponent(event)] };
      await call('POST', `/v1/get_missing_events/${room}`, latest);
      await call('GET', `/v1/timestamp_to_event/${room}?ts=0&dir=f`);
      await call('GET', `/v1/hierarchy/${room}`);
      await call('PUT', '/v1/send/txn', { pdus: [], edus: [], origin: puppet.serverName, origin_server_ts: 1 });
      const leave = sign(await call('GET', `/v1/make_leave/${room}/${enc(userId)}`));
      await call('PUT', `/v2/send_leave/${room}/${enc(leave.eventId)}`, leave.pdu);
      await anna.setState(roomId, 'm.room.join_rules', { join_rule: 'knock' });
      const knock = sign(await call('GET', `/v1/make_knock/${room}/${enc(userId)}?ver=12`));
      await call('PUT', `/v1/send_knock/${room}/${enc(knock.eventId)}`, knock.pdu);
    });

    it('invites', async () => {
      const ben = await Person.register(alpha, 'ben');
      const room = PuppetRoom.create(puppet);
      const creator = puppet.user('creator');
      const content = { membership: 'invite' };
      const { pdu } = room.build({ type: 'm.room.member', sender: creator, stateKey: ben.userId, content });
      // The schema still asks for a field that events no longer have.
      const { hashes: _, signatures: __, ...event } = { ...pdu, origin: puppet.serverName };
      const template = event as UnsignedPdu;
      const invite = hashAndSignEvent(template, room.version, puppet.serverName, puppet.key);
      const body = {
        room_version: '12',
        event: invite.pdu,
        invite_room_state: [...room.state.values()].map((event) => event.pdu),
      };
      await call('PUT', `/v2/invite/${enc(room.roomId)}/${enc(invite.eventId)}`, body);
    });

    it('and none was left out', () => {
      const never = routes.map(({ operation }) => operation.endpoint).filter((endpoint) => !driven.has(endpoint));
      expect([...new Set(never)].filter((endpoint) => !NOT_HERE.has(endpoint))).toEqual([]);
      expect([...new Set(deviations)]).toEqual([]);
    });
  },
);
