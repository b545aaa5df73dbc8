/**
 * What differs between room versions, as data (specification, "Room Versions"). Room versions are opaque strings without an
 * order: code asks for a feature by its name and never compares versions. What is the same in all versions is not here.
 */

import {
  type AuthRuleNumbers,
  authRuleNumbers1,
  authRuleNumbers3,
  authRuleNumbers6,
  authRuleNumbers7,
  authRuleNumbers8,
  authRuleNumbers10,
  authRuleNumbers12,
} from './auth-rule-numbers.ts';

/** A key of `content` that redaction keeps; a pair names the one key that is kept inside an object. */
export type KeptKey = string | readonly [key: string, nestedKey: string];

/** Spellings in which a power level may be written in `m.room.power_levels`. */
export type PowerLevelForm = 'integer' | 'string' | 'float';

export type JoinRule = 'public' | 'invite' | 'knock' | 'restricted' | 'knock_restricted';

export interface RoomVersion {
  readonly id: string;

  /** `given`: chosen by the sending server; else the reference hash in that alphabet, unpadded, after `$`. */
  readonly eventIds: 'given' | 'base64' | 'base64url';
  /** Whether `event_id` travels in the PDU and so takes part in hashes and signatures. */
  readonly eventIdInPdu: boolean;
  /** Items of `auth_events` and `prev_events`: `[event_id, { sha256 }]` or the event id alone. */
  readonly eventReferences: 'pair' | 'id';
  /** Largest `depth`; a room that reached it stays there. A bigint, because 2^63-1 is no JavaScript number. */
  readonly maxDepth: bigint;
  /** `domain`: `!opaque:server`; `create event hash`: the id of the create event with `!` instead of `$`. */
  readonly roomIds: 'domain' | 'create event hash';
  /** Whether the `m.room.create` PDU has a `room_id`. Clients are always shown one. */
  readonly roomIdInCreateEvent: boolean;
  /** Where `m.room.redaction` has `redacts`: top level of the event, or its content. */
  readonly redactsIn: 'event' | 'content';
  /** Whether `m.room.create` must have `content.creator`; where it need not, the key means nothing. */
  readonly creatorInContent: boolean;
  /**
   * Who created the room: `content.creator`, the sender of `m.room.create`, or that sender and `content.additional_creators`.
   * Only in the last case are `additional_creators` checked, and taken by `POST /rooms/{roomId}/upgrade`.
   */
  readonly creators: 'content.creator' | 'sender' | 'sender and additional creators';
  /** Whether integers beyond ±(2^53-1), floats and `-0` make an event invalid. */
  readonly strictCanonicalJson: boolean;

  /** Whether the server in the event id must have signed too. */
  readonly eventIdServerSigns: boolean;
  /** Whether a signing key counts only up to its `valid_until_ts`. */
  readonly enforcesKeyValidity: boolean;

  /** Top-level keys that redaction keeps. */
  readonly redactionKeeps: readonly string[];
  /** Content keys that redaction keeps, per event type; `all` keeps the whole content; no entry keeps nothing. */
  readonly redactionKeepsContent: ReadonlyMap<string, readonly KeptKey[] | 'all'>;
  /** Whether `m.room.redaction` has an auth rule of its own, or the right to redact is decided when it takes effect. */
  readonly redactionsDecidedBy: 'auth rules' | 'application';

  readonly stateResolution: 'v1' | 'v2' | 'v2.1';

  /** Numbers of the auth rules in the text of the version. */
  readonly authRuleNumbers: AuthRuleNumbers;
  /** Whether `m.room.create` is among the auth events. Where it is not, the room id stands for it. */
  readonly createInAuthEvents: boolean;
  /** Whether `m.room.aliases` has an auth rule of its own. */
  readonly aliasesRule: boolean;
  /** Join rules that mean something; under any other nobody can join by themselves. */
  readonly joinRules: readonly JoinRule[];
  /** Whether membership `knock` exists. */
  readonly knocking: boolean;
  /** Whether `join_authorised_via_users_server` means something: its server signs, and its user must be able to invite. */
  readonly restrictedJoins: boolean;
  readonly powerLevelForms: readonly PowerLevelForm[];
  /** Whether the form of all of `m.room.power_levels` is checked by the auth rules, not only that of `users`. */
  readonly powerLevelTypesChecked: boolean;
  /** Whether changes within `notifications` need as much power as those within `events`. */
  readonly notificationLevelsChecked: boolean;
  /** Whether creators have infinite power, which `m.room.power_levels` can neither give nor take. */
  readonly creatorsHaveInfinitePower: boolean;

  /** Whether a new room's first power levels set `m.room.tombstone` above `state_default`. */
  readonly tombstoneAboveStateDefault: boolean;
  /** What `trusted_private_chat` makes of its invitees: users with the creator's power level, or additional creators. */
  readonly trustedInvitees: 'power of creator' | 'additional creators';
  /** Whether a room made by an upgrade names the last event of the old room in `predecessor.event_id`. */
  readonly predecessorEventId: 'should' | 'may omit';
  /** Whether the stripped state of an invite from a peer should be refused when it is not sound. */
  readonly inviteStateValidated: 'may' | 'should';
  /** Whether federation calls that carry no room version may concern this version. */
  readonly impliedByVersionlessCalls: boolean;
}

const keptBefore11 = [
  'event_id',
  'type',
  'room_id',
  'sender',
  'state_key',
  'content',
  'hashes',
  'signatures',
  'depth',
  'prev_events',
  'prev_state',
  'auth_events',
  'origin',
  'origin_server_ts',
  'membership',
];
const dropped11 = new Set(['prev_state', 'origin', 'membership']);

const keptPowerLevels = [
  'ban',
  'events',
  'events_default',
  'kick',
  'redact',
  'state_default',
  'users',
  'users_default',
];
const keptContent1 = new Map<string, readonly KeptKey[] | 'all'>([
  ['m.room.member', ['membership']],
  ['m.room.create', ['creator']],
  ['m.room.join_rules', ['join_rule']],
  ['m.room.power_levels', keptPowerLevels],
  ['m.room.aliases', ['aliases']],
  ['m.room.history_visibility', ['history_visibility']],
]);

const v1: RoomVersion = {
  id: '1',
  eventIds: 'given',
  eventIdInPdu: true,
  eventReferences: 'pair',
  maxDepth: 2n ** 63n - 1n,
  roomIds: 'domain',
  roomIdInCreateEvent: true,
  redactsIn: 'event',
  creatorInContent: true,
  creators: 'content.creator',
  strictCanonicalJson: false,
  eventIdServerSigns: true,
  enforcesKeyValidity: false,
  redactionKeeps: keptBefore11,
  redactionKeepsContent: keptContent1,
  redactionsDecidedBy: 'auth rules',
  stateResolution: 'v1',
  authRuleNumbers: authRuleNumbers1,
  createInAuthEvents: true,
  aliasesRule: true,
  joinRules: ['public', 'invite'],
  knocking: false,
  restrictedJoins: false,
  powerLevelForms: ['integer', 'string', 'float'],
  powerLevelTypesChecked: false,
  notificationLevelsChecked: false,
  creatorsHaveInfinitePower: false,
  tombstoneAboveStateDefault: false,
  trustedInvitees: 'power of creator',
  predecessorEventId: 'should',
  inviteStateValidated: 'may',
  impliedByVersionlessCalls: true,
};

const v2: RoomVersion = { ...v1, id: '2', stateResolution: 'v2' };

const v3: RoomVersion = {
  ...v2,
  id: '3',
  eventIds: 'base64',
  eventIdInPdu: false,
  eventReferences: 'id',
  eventIdServerSigns: false,
  authRuleNumbers: authRuleNumbers3,
  redactionsDecidedBy: 'application',
  impliedByVersionlessCalls: false,
};

const v4: RoomVersion = { ...v3, id: '4', eventIds: 'base64url' };

const v5: RoomVersion = { ...v4, id: '5', enforcesKeyValidity: true };

const v6: RoomVersion = {
  ...v5,
  id: '6',
  maxDepth: 2n ** 53n - 1n,
  strictCanonicalJson: true,
  redactionKeepsContent: new Map([...v5.redactionKeepsContent].filter(([type]) => type !== 'm.room.aliases')),
  authRuleNumbers: authRuleNumbers6,
  aliasesRule: false,
  powerLevelForms: ['integer', 'string'],
  notificationLevelsChecked: true,
};

const v7: RoomVersion = {
  ...v6,
  id: '7',
  authRuleNumbers: authRuleNumbers7,
  joinRules: ['public', 'invite', 'knock'],
  knocking: true,
};

const v8: RoomVersion = {
  ...v7,
  id: '8',
  redactionKeepsContent: new Map([...v7.redactionKeepsContent, ['m.room.join_rules', ['join_rule', 'allow']]]),
  authRuleNumbers: authRuleNumbers8,
  joinRules: ['public', 'invite', 'knock', 'restricted'],
  restrictedJoins: true,
};

const v9: RoomVersion = {
  ...v8,
  id: '9',
  redactionKeepsContent: new Map([
    ...v8.redactionKeepsContent,
    ['m.room.member', ['membership', 'join_authorised_via_users_server']],
  ]),
};

const v10: RoomVersion = {
  ...v9,
  id: '10',
  authRuleNumbers: authRuleNumbers10,
  joinRules: ['public', 'invite', 'knock', 'restricted', 'knock_restricted'],
  powerLevelForms: ['integer'],
  powerLevelTypesChecked: true,
};

const v11: RoomVersion = {
  ...v10,
  id: '11',
  redactsIn: 'content',
  creatorInContent: false,
  creators: 'sender',
  redactionKeeps: v10.redactionKeeps.filter((key) => !dropped11.has(key)),
  redactionKeepsContent: new Map<string, readonly KeptKey[] | 'all'>([
    ...v10.redactionKeepsContent,
    ['m.room.member', ['membership', 'join_authorised_via_users_server', ['third_party_invite', 'signed']]],
    ['m.room.create', 'all'],
    ['m.room.power_levels', [...keptPowerLevels, 'invite']],
    ['m.room.redaction', ['redacts']],
  ]),
};

const v12: RoomVersion = {
  ...v11,
  id: '12',
  roomIds: 'create event hash',
  roomIdInCreateEvent: false,
  creators: 'sender and additional creators',
  stateResolution: 'v2.1',
  authRuleNumbers: authRuleNumbers12,
  createInAuthEvents: false,
  creatorsHaveInfinitePower: true,
  tombstoneAboveStateDefault: true,
  trustedInvitees: 'additional creators',
  predecessorEventId: 'may omit',
  inviteStateValidated: 'should',
};

/** Every stable room version of the specification: this server creates, joins and serves rooms of all of them. */
export const roomVersions: ReadonlyMap<string, RoomVersion> = new Map(
  [v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12].map((version) => [version.id, version]),
);

export const supportedRoomVersions: readonly string[] = [...roomVersions.keys()];

/** Version of a new room when nobody asks for another. */
export const DEFAULT_ROOM_VERSION = '12';

/**
 * The room version with this id, or `undefined`. `id` is what `content.room_version` of the create event says; a
 * create event that says nothing is of version `1`, which the caller fills in.
 */
export function roomVersion(id: string): RoomVersion | undefined {
  return roomVersions.get(id);
}
