/** Rule 10 of the authorisation rules: `m.room.power_levels`. Numbers before checks are those of room version 12. */

import { type Authorization, allowed, type Case, contentOf, refused } from './authorization.ts';
import { isUserId } from './identifiers.ts';
import { isJsonObject, type JsonValue } from './json.ts';
import {
  type PowerLevel,
  type PowerLevelField,
  type PowerLevels,
  type PowerLevelTable,
  parsePowerLevel,
  powerLevelDefaults,
  powerLevelsOf,
  statedField,
  statedTable,
} from './power-levels.ts';
import type { RoomVersion } from './room-versions.ts';

const fields = Object.keys(powerLevelDefaults) as PowerLevelField[];

/** `current` is what the room has, `senderLevel` the sender's level by it; the event itself holds the new levels. */
export function powerLevelsRule(judged: Case, current: PowerLevels, senderLevel: PowerLevel): Authorization {
  const form = formRule(judged, current);
  if (!form.allowed) return form;
  // 10.5 The first power levels of the room: allow.
  if (current.content === undefined) return allowed;

  const { pdu, version, create } = judged;
  const next = powerLevelsOf(version, create.pdu, pdu);
  const changed = changedFieldsRule(judged, current, next, senderLevel);
  if (!changed.allowed) return changed;
  const entries = changedEntriesRule(judged, current, next, senderLevel);
  if (!entries.allowed) return entries;
  return changedUsersRule(judged, current, next, senderLevel);
  // 10.10, the second of that number: otherwise, allow.
}

/** 10.1 to 10.4: what the event looks like, whatever it changes. */
function formRule({ pdu, version, rules }: Case, current: PowerLevels): Authorization {
  const isLevel = (value: JsonValue | undefined) => isPowerLevel(value, version);
  if (version.powerLevelTypesChecked) {
    // 10.1 Each single level is an integer.
    const badField = fields.find((field) => contentOf(pdu, field) !== undefined && !isLevel(contentOf(pdu, field)));
    if (badField !== undefined) return refused(rules.powerLevelFieldTypes, `${badField} is not an integer.`);
    // 10.2 The levels of events and notifications are objects of integers.
    for (const table of ['events', 'notifications']) {
      const value = contentOf(pdu, table);
      if (value !== undefined && !(isJsonObject(value) && Object.values(value).every(isLevel))) {
        return refused(rules.powerLevelTableTypes, `${table} is not an object of integers.`);
      }
    }
  }
  // 10.3 The levels of users are an object of user ids and integers.
  const users = contentOf(pdu, 'users');
  if (users === undefined) return allowed;
  if (!isJsonObject(users) || !Object.keys(users).every(isUserId) || !Object.values(users).every(isLevel)) {
    return refused(rules.powerLevelUserTypes, 'users is not an object of user ids and levels.');
  }
  // 10.4 Privileged creators are not among them.
  if (version.creatorsHaveInfinitePower && Object.keys(users).some((user) => current.creators.has(user))) {
    return refused(rules.powerLevelCreators, 'The level of a creator cannot be set.');
  }
  return allowed;
}

/**
 * 10.6 Single levels that were added, changed or removed. A level that is absent before or after counts as its default: power
 * levels are inferred from defaults when not explicitly supplied.
 */
function changedFieldsRule({ rules }: Case, current: PowerLevels, next: PowerLevels, level: PowerLevel): Authorization {
  for (const field of fields) {
    const before = statedField(current, field);
    const after = statedField(next, field);
    if (before === after) continue;
    // 10.6.1 The current value is not above the sender's level.
    if ((before ?? powerLevelDefaults[field]) > level) {
      return refused(`${rules.changedField}.1`, `The current level of ${field} is above the sender's.`);
    }
    // 10.6.2 Nor is the new value.
    if ((after ?? powerLevelDefaults[field]) > level) {
      return refused(`${rules.changedField}.2`, `The new level of ${field} is above the sender's.`);
    }
  }
  return allowed;
}

/** 10.7 and 10.8: levels of event types and, from version 6 on, of notifications. */
function changedEntriesRule(judged: Case, current: PowerLevels, next: PowerLevels, level: PowerLevel): Authorization {
  const { rules, version } = judged;
  const tables: PowerLevelTable[] = version.notificationLevelsChecked ? ['events', 'notifications'] : ['events'];
  const changes = tables.flatMap((table) => changesIn(table, current, next));
  // 10.7.1 The current value of a changed or removed entry is not above the sender's level.
  const taken = changes.find(({ before }) => before !== undefined && before > level);
  if (taken) return refused(`${rules.changedEntry}.1`, `The current level of ${taken.key} is above the sender's.`);
  // 10.8.1 The new value of an added or changed entry is not above the sender's level.
  const given = changes.find(({ after }) => after !== undefined && after > level);
  if (given) return refused(`${rules.addedEntry}.1`, `The new level of ${given.key} is above the sender's.`);
  return allowed;
}

/** 10.9 and 10.10: levels of users. */
function changedUsersRule(judged: Case, current: PowerLevels, next: PowerLevels, level: PowerLevel): Authorization {
  const { pdu, rules } = judged;
  const changes = changesIn('users', current, next);
  // 10.9.1 The current level of another user, if changed or removed, is below the sender's.
  const taken = changes.find(({ key, before }) => key !== pdu.sender && before !== undefined && before >= level);
  if (taken) return refused(`${rules.changedUser}.1`, `The level of ${taken.key} is not below the sender's.`);
  // 10.10.1 The new level of a user, if added or changed, is not above the sender's.
  const given = changes.find(({ after }) => after !== undefined && after > level);
  if (given) return refused(`${rules.addedUser}.1`, `The new level of ${given.key} is above the sender's.`);
  return allowed;
}

interface Change {
  readonly key: string;
  /** `undefined`: the entry is added. */
  readonly before: PowerLevel | undefined;
  /** `undefined`: the entry is removed. */
  readonly after: PowerLevel | undefined;
}

function changesIn(table: PowerLevelTable, current: PowerLevels, next: PowerLevels): Change[] {
  const before = statedTable(current, table);
  const after = statedTable(next, table);
  return [...new Set([...before.keys(), ...after.keys()])]
    .map((key) => ({ key, before: before.get(key), after: after.get(key) }))
    .filter((change) => change.before !== change.after);
}

function isPowerLevel(value: JsonValue | undefined, version: RoomVersion): boolean {
  return parsePowerLevel(value, version.powerLevelForms) !== undefined;
}
