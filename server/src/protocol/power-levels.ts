import type { Pdu } from './event.ts';
import { isJsonObject, type JsonObject, type JsonValue, NonCanonicalToken } from './json.ts';
import type { PowerLevelForm, RoomVersion } from './room-versions.ts';

/**
 * Power levels of a room at one point (Client-Server API, `m.room.power_levels`), read through this file only. Every value
 * that is missing, or cannot be read in the room version, is its default.
 */
export interface PowerLevels {
  readonly forms: readonly PowerLevelForm[];
  readonly creators: ReadonlySet<string>;
  readonly creatorsHaveInfinitePower: boolean;
  /** Content of `m.room.power_levels`; `undefined` while the room has none. */
  readonly content: JsonObject | undefined;
}

/**
 * A number; a bigint beyond ±(2^53-1), which versions before 10 allow; `Infinity` for the creators of a room whose version
 * privileges them. Equal levels are of the same type.
 */
export type PowerLevel = number | bigint;

export type PowerLevelAction = 'ban' | 'invite' | 'kick' | 'redact';

/** The keys of `m.room.power_levels` that hold one level. */
export type PowerLevelField = PowerLevelAction | 'users_default' | 'events_default' | 'state_default';

/** The keys of `m.room.power_levels` that hold a level per user, event type or kind of notification. */
export type PowerLevelTable = 'users' | 'events' | 'notifications';

/** Level of each key that `m.room.power_levels`, or a room without it, does not set. */
export const powerLevelDefaults: Readonly<Record<PowerLevelField, number>> = {
  users_default: 0,
  events_default: 0,
  state_default: 50,
  ban: 50,
  redact: 50,
  kick: 50,
  invite: 0,
};

const NOTIFICATION_DEFAULT = 50;
/** What `content.creator` has while a room without privileged creators has no power levels event. */
const CREATOR_DEFAULT = 100;

/**
 * View of the power levels that `create` and `powerLevels` (the room's `m.room.create` and, if it has one,
 * `m.room.power_levels` event) give. It copies nothing and is cheap to make.
 */
export function powerLevelsOf(
  version: RoomVersion,
  create: Pdu | undefined,
  powerLevels: Pdu | undefined,
): PowerLevels {
  return {
    forms: version.powerLevelForms,
    creators: create === undefined ? new Set() : roomCreators(version, create),
    creatorsHaveInfinitePower: version.creatorsHaveInfinitePower,
    content: powerLevels?.content,
  };
}

/** Users who created the room with this `m.room.create` event: one, or from version 12 on one or more. */
export function roomCreators(version: RoomVersion, create: Pdu): ReadonlySet<string> {
  if (version.creators === 'content.creator') {
    const creator = own(create.content, 'creator');
    return new Set(typeof creator === 'string' ? [creator] : []);
  }
  const creators = new Set<string>([create.sender]);
  if (version.creators === 'sender and additional creators') {
    const additional = own(create.content, 'additional_creators');
    for (const user of Array.isArray(additional) ? additional : []) {
      if (typeof user === 'string') creators.add(user);
    }
  }
  return creators;
}

export function userPowerLevel(levels: PowerLevels, userId: string): PowerLevel {
  if (levels.creators.has(userId)) {
    if (levels.creatorsHaveInfinitePower) return Number.POSITIVE_INFINITY;
    if (levels.content === undefined) return CREATOR_DEFAULT;
  }
  return tableEntry(levels, 'users', userId) ?? powerLevelField(levels, 'users_default');
}

/** Level that sending an event of this type takes, other than `m.room.member`, which has rules of its own. */
export function eventPowerLevel(levels: PowerLevels, type: string, isState: boolean): PowerLevel {
  return tableEntry(levels, 'events', type) ?? powerLevelField(levels, isState ? 'state_default' : 'events_default');
}

/** Level that an action takes. For `redact`: on events of others; a redaction also is an event that has to be sent. */
export function actionPowerLevel(levels: PowerLevels, action: PowerLevelAction): PowerLevel {
  return powerLevelField(levels, action);
}

/** Level that a kind of notification takes, such as `room` for `@room`. */
export function notificationPowerLevel(levels: PowerLevels, key: string): PowerLevel {
  return tableEntry(levels, 'notifications', key) ?? NOTIFICATION_DEFAULT;
}

/** Level that a key sets or that holds in its absence. */
export function powerLevelField(levels: PowerLevels, field: PowerLevelField): PowerLevel {
  return statedField(levels, field) ?? powerLevelDefaults[field];
}

/** Level that a key sets; `undefined` if it is absent. */
export function statedField(levels: PowerLevels, field: PowerLevelField): PowerLevel | undefined {
  return levels.content === undefined ? undefined : parsePowerLevel(own(levels.content, field), levels.forms);
}

/** All levels that a table sets. */
export function statedTable(levels: PowerLevels, table: PowerLevelTable): ReadonlyMap<string, PowerLevel> {
  const stated = new Map<string, PowerLevel>();
  for (const [key, value] of Object.entries(tableOf(levels, table) ?? {})) {
    const level = parsePowerLevel(value, levels.forms);
    if (level !== undefined) stated.set(key, level);
  }
  return stated;
}

const STRING_LEVEL = /^\s*[+-]?[0-9]+\s*$/;

const INTEGER_LEVEL = /^-?[0-9]+$/;

/**
 * The level that a value stands for, or `undefined` if the room version has no such form. Integers may be written as base 10
 * strings in versions before 10; floats, cut at the decimal point, and integers of any size, in versions before 6. What is
 * beyond a double is no level anywhere.
 */
export function parsePowerLevel(
  value: JsonValue | undefined,
  forms: readonly PowerLevelForm[],
): PowerLevel | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined;
  if (value instanceof NonCanonicalToken && value.reason === 'number' && forms.includes('float')) {
    const level = Number(value.source);
    if (!Number.isFinite(level)) return undefined;
    return asPowerLevel(BigInt(INTEGER_LEVEL.test(value.source) ? value.source : Math.trunc(level)));
  }
  if (typeof value === 'string' && forms.includes('string') && STRING_LEVEL.test(value)) {
    if (!Number.isFinite(Number(value))) return undefined;
    return asPowerLevel(BigInt(value.trim().replace(/^\+/, '')));
  }
  return undefined;
}

function asPowerLevel(level: bigint): PowerLevel {
  const number = Number(level);
  return Number.isSafeInteger(number) ? number : level;
}

function tableEntry(levels: PowerLevels, table: PowerLevelTable, key: string): PowerLevel | undefined {
  const entries = tableOf(levels, table);
  return entries === undefined ? undefined : parsePowerLevel(own(entries, key), levels.forms);
}

function tableOf(levels: PowerLevels, table: PowerLevelTable): JsonObject | undefined {
  const entries = levels.content === undefined ? undefined : own(levels.content, table);
  return isJsonObject(entries) ? entries : undefined;
}

/** Only an object's own keys are data: a user or event type may be called `constructor`. */
function own(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
