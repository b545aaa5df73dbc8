import { expect, test } from 'vitest';
import { authEventKeys } from '../../server/src/protocol/auth-events.ts';
import { authorize } from '../../server/src/protocol/auth-rules.ts';
import { authStateOf } from '../../server/src/protocol/authorization.ts';
import { type Event, type EventId, type RoomId, stateKey } from '../../server/src/protocol/event.ts';
import { historyVisibility } from '../../server/src/protocol/history-visibility.ts';
import { parsePeerJson } from '../../server/src/protocol/json-parser.ts';
import { redactionTarget } from '../../server/src/protocol/redaction.ts';
import { type RoomVersion, supportedRoomVersions } from '../../server/src/protocol/room-versions.ts';
import { checkForm, concludeCheck } from '../../server/src/rooms/check-pdu.ts';
import { versionNamed } from '../harness/puppet-room.ts';

const ALICE = '@alice:b.example';
/** JSON that content may hold where something else is meant. The parser's objects have no prototype, so they have no text either. */
const ODD = [
  ...[
    '{}',
    '[]',
    '[{}]',
    '[null]',
    'null',
    '5',
    '-0',
    '1e400',
    '1.5',
    '9007199254740993',
    'true',
    '""',
    '"x"',
    `"${ALICE}"`,
  ],
  ...['{"a":{}}', '{"__proto__":1}', '{"toString":1,"valueOf":1}', `{"${ALICE}":{}}`, `{"${ALICE}":"100"}`],
  ...['{"signed":{}}', '{"signed":{"token":{},"mxid":{},"signatures":{}}}'],
  `{"signed":{"token":"t","mxid":"${ALICE}","signatures":{"x":{"ed25519:1":{}}}}}`,
  '[{"type":{},"room_id":{}}]',
];
const KEYS: Readonly<Record<string, readonly string[]>> = {
  'm.room.member': ['membership', 'join_authorised_via_users_server', 'third_party_invite', 'displayname'],
  'm.room.create': ['creator', 'room_version', 'additional_creators', 'm.federate', 'predecessor', 'type'],
  'm.room.power_levels': [
    'users',
    'users_default',
    'events',
    'state_default',
    'ban',
    'invite',
    'redact',
    'notifications',
  ],
  'm.room.join_rules': ['join_rule', 'allow'],
  'm.room.history_visibility': ['history_visibility'],
  'm.room.third_party_invite': ['public_key', 'public_keys', 'key_validity_url'],
  'm.room.redaction': ['redacts'],
  'm.room.aliases': ['aliases'],
  'm.room.message': ['body', 'm.relates_to'],
};

function* contents(type: string): Iterable<string> {
  const memberships = type === 'm.room.member' ? ['join', 'invite', 'knock', 'leave', 'ban'] : [undefined];
  for (const key of KEYS[type] ?? [])
    for (const value of ODD)
      for (const membership of memberships)
        yield membership === undefined || key === 'membership'
          ? `{"${key}":${value}}`
          : `{"membership":"${membership}","${key}":${value}}`;
}

function eventText(type: string, content: string, version: RoomVersion): string {
  const id = JSON.stringify('$earlier:b.example');
  const references = version.eventReferences === 'id' ? `[${id}]` : `[[${id},{}]]`;
  return `{"type":"${type}","sender":"${ALICE}","state_key":"${ALICE}","room_id":"!room:b.example","event_id":"$e:b.example",
    "origin_server_ts":1,"depth":3,"prev_events":${references},"auth_events":[],"hashes":{"sha256":"aaaa"},
    "signatures":{"b.example":{"ed25519:1":"aaaa"}},"content":${content}}`;
}

/** Judges an event by a room that holds it as state, and other events by the same. */
function judgeBy(event: Event, version: RoomVersion): void {
  const of = (type: string, content: Event['pdu']['content'], key = ''): Event => ({
    eventId: '$other:b.example' as EventId,
    roomId: event.roomId as RoomId,
    pdu: { ...event.pdu, type, state_key: key, content },
  });
  const create = of('m.room.create', { creator: ALICE, room_version: version.id });
  const state = new Map([[stateKey('m.room.create', ''), create]]);
  for (const key of ['', ALICE]) state.set(stateKey(event.pdu.type, key), event);
  const others = [of('m.room.member', { membership: 'join' }, ALICE), of('m.room.name', {}), event];
  for (const other of others) {
    authEventKeys(other.pdu, version);
    authorize(other, version, authStateOf(state));
  }
}

test('A1.6 nothing that content may hold where something else is meant makes the checks throw', () => {
  const thrown: string[] = [];
  let judged = 0;
  for (const version of supportedRoomVersions.map(versionNamed))
    for (const type of Object.keys(KEYS))
      for (const content of contents(type)) {
        const value = parsePeerJson(eventText(type, content, version));
        try {
          const one = checkForm(value, { version, room: undefined, yetToSign: undefined });
          if ('reason' in one) continue;
          const verifications = one.mustSign.map(() => ({ ok: true }) as const);
          const result = concludeCheck({ ...one, isWhole: true }, verifications, version);
          if ('reason' in result) continue;
          concludeCheck({ ...one, isWhole: false }, verifications, version);
          redactionTarget(result.pdu, version);
          historyVisibility(result.pdu.content);
          judgeBy(result, version);
          judged += 1;
        } catch (error) {
          thrown.push(`version ${version.id}, ${type} ${content}: ${error}`);
        }
      }
  expect(thrown).toEqual([]);
  expect(judged).toBeGreaterThan(5_000);
});
