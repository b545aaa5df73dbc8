/**
 * The authorisation rules ("Room Versions", "Authorisation rules"). The number before each check is the rule's number in
 * version 12; refusals carry the number in the version of the room.
 */

import { authEventKeys } from './auth-events.ts';
import { memberRule } from './auth-rules-member.ts';
import { powerLevelsRule } from './auth-rules-power-levels.ts';
import {
  type Authorization,
  type AuthState,
  allowed,
  type Case,
  contentOf,
  hasOwn,
  type KnownEvent,
  membershipOf,
  powerLevelsIn,
  refused,
} from './authorization.ts';
import { type Event, type EventId, type RoomId, type ServerName, type StateKey, stateKey } from './event.ts';
import { isUserId, serverNameOf } from './identifiers.ts';
import { actionPowerLevel, eventPowerLevel, userPowerLevel } from './power-levels.ts';
import { type RoomVersion, roomVersions } from './room-versions.ts';

/** What an event says about its own authorisation. */
export interface ListedAuthEvents {
  /** The events that the event's `auth_events` name: all of them, in any order. */
  readonly authEvents: readonly KnownEvent[];
  /**
   * The room's accepted create event; `undefined` when it is unknown or was rejected. Read only in versions where auth events
   * do not name it.
   */
  readonly create: Event | undefined;
  /** Servers whose signature of the event has been verified. */
  readonly signers: ReadonlySet<ServerName>;
}

/**
 * Check 4 on receipt of a PDU ("Checks performed on receipt of a PDU"): all of the rules, with the listed events as the room's
 * state. Only here are the list itself and the signature that a restricted join needs looked at.
 */
export function authorizeByAuthEvents(event: Event, version: RoomVersion, listed: ListedAuthEvents): Authorization {
  if (event.pdu.type === 'm.room.create') return createRule(event, version);
  const cited = new Map<StateKey, Event>();
  for (const { event: authEvent } of listed.authEvents) {
    cited.set(stateKey(authEvent.pdu.type, authEvent.pdu.state_key ?? ''), authEvent);
  }
  const create = version.createInAuthEvents ? cited.get(stateKey('m.room.create', '')) : listed.create;
  const room = roomIdRule(event, version, create);
  if (!room.allowed) return room;
  const list = authEventsRule(event, version, listed.authEvents);
  if (!list.allowed) return list;
  const state: AuthState = { create, event: (type, key) => cited.get(stateKey(type, key)) };
  return stateRules(event, version, state, listed.signers);
}

/**
 * Checks 5 and 6 on receipt of a PDU, and the check of state resolution: the rules that look at the room's state, which is the
 * state before the event, the current state or a partly resolved one. `event` must have passed `authorizeByAuthEvents`, or
 * have been built here from the same state.
 */
export function authorize(event: Event, version: RoomVersion, state: AuthState): Authorization {
  if (event.pdu.type === 'm.room.create') return createRule(event, version);
  const room = roomIdRule(event, version, state.create);
  return room.allowed ? stateRules(event, version, state, undefined) : room;
}

/** 4 to 11. Without `signers`, signatures are taken for good. */
function stateRules(
  event: Event,
  version: RoomVersion,
  state: AuthState,
  signers: ReadonlySet<ServerName> | undefined,
): Authorization {
  const { pdu } = event;
  const rules = version.authRuleNumbers;
  const { create } = state;
  // 2.4 in versions 1 to 11: there is a create event.
  if (create === undefined) return refused(`${rules.authEvents}.4`, 'The room has no accepted create event.');

  // 4. In a room that does not federate, the sender must be of the server of the create event's sender.
  if (contentOf(create.pdu, 'm.federate') === false && serverNameOf(pdu.sender) !== serverNameOf(create.pdu.sender)) {
    return refused(rules.federate, 'The room is closed to other servers.');
  }

  const judged: Case = { event, pdu, version, rules, state, create, signers };
  if (version.aliasesRule && pdu.type === 'm.room.aliases') return aliasesRule(judged);
  // 5. Memberships have rules of their own.
  if (pdu.type === 'm.room.member') return memberRule(judged);
  return otherRules(judged);
}

/** 1. The create event. */
function createRule(event: Event, version: RoomVersion): Authorization {
  const { pdu } = event;
  // 1.1 No previous events.
  if (pdu.prev_events.length > 0) return refused('1.1', 'A create event has no previous events.');
  // 1.2 No room id where it is the event's hash, else one with the sender's domain.
  if (!version.roomIdInCreateEvent) {
    if (pdu.room_id !== undefined) return refused('1.2', 'A create event has no room id.');
  } else if (domainOf(event.roomId) !== serverNameOf(pdu.sender)) {
    return refused('1.2', "The room id is not of the sender's server.");
  }
  // 1.3 A recognised room version, if any.
  const id = contentOf(pdu, 'room_version');
  if (id !== undefined && (typeof id !== 'string' || !roomVersions.has(id))) {
    return refused('1.3', 'The room version is unknown.');
  }
  // 1.4 in versions 1 to 10: a creator.
  if (version.creatorInContent && !hasOwn(pdu.content, 'creator')) {
    return refused('1.4', 'The create event names no creator.');
  }
  // 1.4 from version 12 on: additional creators, if any, are an array of user ids.
  if (version.creators === 'sender and additional creators') {
    const additional = contentOf(pdu, 'additional_creators');
    if (additional !== undefined && !(Array.isArray(additional) && additional.every(isUserId))) {
      return refused('1.4', 'The additional creators are not an array of user ids.');
    }
  }
  // 1.5 Otherwise, allow.
  return allowed;
}

/** 2. The room id names an accepted create event, in versions where it is that event's id. */
function roomIdRule(event: Event, version: RoomVersion, create: Event | undefined): Authorization {
  if (version.roomIds === 'domain' || event.roomId.slice(1) === create?.eventId.slice(1)) return allowed;
  return refused(version.authRuleNumbers.roomId, 'The room id does not name an accepted create event.');
}

/** 3. The list of auth events. */
function authEventsRule(event: Event, version: RoomVersion, listed: readonly KnownEvent[]): Authorization {
  const rule = version.authRuleNumbers.authEvents;
  const keyOf = ({ event: { pdu } }: KnownEvent) =>
    pdu.state_key === undefined ? undefined : stateKey(pdu.type, pdu.state_key);
  const keys = listed.map(keyOf);

  // 3.1 At most one entry per type and state key.
  if (new Set(keys).size < keys.length)
    return refused(`${rule}.1`, 'Two auth events are of the same type and state key.');
  // 3.2 Only what the auth events selection selects.
  const selected = new Set<StateKey | undefined>(authEventKeys(event.pdu, version));
  if (keys.some((key) => key === undefined || !selected.has(key))) {
    return refused(`${rule}.2`, 'An auth event has no bearing on this event.');
  }
  // 3.3 No entry that was itself rejected.
  if (listed.some(({ rejected }) => rejected)) return refused(`${rule}.3`, 'An auth event was rejected.');
  // 2.4 in versions 1 to 11: the create event is among them.
  if (version.createInAuthEvents && !keys.includes(stateKey('m.room.create', ''))) {
    return refused(`${rule}.4`, 'The create event is not among the auth events.');
  }
  // 3.5 No entry of another room.
  if (listed.some((entry) => entry.event.roomId !== event.roomId)) {
    return refused(`${rule}.5`, 'An auth event is of another room.');
  }
  return allowed;
}

/** Rule 4 of versions 1 to 5: aliases. */
function aliasesRule({ pdu, rules }: Case): Authorization {
  // 4.1 There is a state key.
  if (pdu.state_key === undefined) return refused(`${rules.aliases}.1`, 'Aliases are state.');
  // 4.2 It is the sender's server.
  if (pdu.state_key !== serverNameOf(pdu.sender)) {
    return refused(`${rules.aliases}.2`, "Aliases are set by the state key's own server.");
  }
  // 4.3 Otherwise, allow.
  return allowed;
}

/** 6 to 11: everything but create events, aliases and memberships. */
function otherRules(judged: Case): Authorization {
  const { pdu, version, rules, state } = judged;
  // 6. The sender is in the room.
  if (membershipOf(state, pdu.sender) !== 'join') return refused(rules.senderJoined, 'The sender is not in the room.');

  const levels = powerLevelsIn(judged);
  const senderLevel = userPowerLevel(levels, pdu.sender);
  // 7.1 Third-party invites take the invite level, and nothing else.
  if (pdu.type === 'm.room.third_party_invite') {
    return senderLevel >= actionPowerLevel(levels, 'invite')
      ? allowed
      : refused(`${rules.thirdPartyInvite}.1`, 'The sender may not invite.');
  }
  // 8. The sender has the level that the event's type requires.
  const required = eventPowerLevel(levels, pdu.type, pdu.state_key !== undefined);
  if (senderLevel < required) {
    return refused(rules.requiredLevel, `The sender has power level ${senderLevel}, ${pdu.type} requires ${required}.`);
  }
  // 9. State of a user is that user's own.
  if (pdu.state_key?.startsWith('@') && pdu.state_key !== pdu.sender) {
    return refused(rules.userStateKey, 'The state key is another user.');
  }
  // 10. Power levels are changed only by who has them.
  if (pdu.type === 'm.room.power_levels') return powerLevelsRule(judged, levels, senderLevel);
  // Rule 11 of versions 1 and 2.
  if (version.redactionsDecidedBy === 'auth rules' && pdu.type === 'm.room.redaction') {
    return redactionRule(judged, senderLevel >= actionPowerLevel(levels, 'redact'));
  }
  // 11. Otherwise, allow.
  return allowed;
}

/** Rule 11 of versions 1 and 2: redactions. */
function redactionRule({ event, pdu, rules }: Case, mayRedact: boolean): Authorization {
  // 11.1 The sender has the redact level.
  if (mayRedact) return allowed;
  // 11.2 Both events are of the same server, by their ids.
  const target = typeof pdu.redacts === 'string' ? domainOf(pdu.redacts) : undefined;
  if (target !== undefined && target === domainOf(event.eventId)) return allowed;
  // 11.3 Otherwise, reject.
  return refused(`${rules.redaction}.3`, 'The sender may not redact events of other servers.');
}

/** What stands after the first colon of an id that has one. */
function domainOf(id: RoomId | EventId): string | undefined {
  const colon = id.indexOf(':');
  return colon < 0 ? undefined : id.slice(colon + 1);
}
