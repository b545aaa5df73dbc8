import type { AuthRuleNumbers } from './auth-rule-numbers.ts';
import { type Event, type Pdu, type ServerName, type StateMap, stateKey } from './event.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';
import { type PowerLevels, powerLevelsOf } from './power-levels.ts';
import type { RoomVersion } from './room-versions.ts';

/** What the auth rules say about an event. `rule` is the number in the text of the event's room version, such as `5.3.4`. */
export type Authorization =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly rule: string; readonly reason: string };

/** The room state that an event is judged by, as far as the rules read it. */
export interface AuthState {
  /**
   * The room's accepted `m.room.create` event; `undefined` when it is unknown or was rejected. Not read through `event`,
   * because from version 12 on auth events do not name it.
   */
  readonly create: Event | undefined;
  event(type: string, stateKey: string): Event | undefined;
}

/** An event and whether it was rejected by the checks on receipt of a PDU. */
export interface KnownEvent {
  readonly event: Event;
  readonly rejected: boolean;
}

/** The whole state of a room, or its part that matters to an event (`authEventKeys`, and `m.room.create`). */
export function authStateOf(state: StateMap<Event>): AuthState {
  return {
    create: state.get(stateKey('m.room.create', '')),
    event: (type, key) => state.get(stateKey(type, key)),
  };
}

/** One event being judged: what every rule gets. */
export interface Case {
  readonly event: Event;
  readonly pdu: Pdu;
  readonly version: RoomVersion;
  readonly rules: AuthRuleNumbers;
  readonly state: AuthState;
  /** The room's create event, which by then has been found. */
  readonly create: Event;
  /** Servers whose signature of the event has been verified; `undefined` where that has been looked at before. */
  readonly signers: ReadonlySet<ServerName> | undefined;
}

export const allowed: Authorization = { allowed: true };

export function refused(rule: string | undefined, reason: string): Authorization {
  if (rule === undefined) throw new Error(`A rule was applied that the room version does not have: ${reason}`);
  return { allowed: false, rule, reason };
}

export function powerLevelsIn({ version, create, state }: Case): PowerLevels {
  return powerLevelsOf(version, create.pdu, state.event('m.room.power_levels', '')?.pdu);
}

/** Current membership of a user; `undefined` for who never had one. */
export function membershipOf(state: AuthState, userId: string): JsonValue | undefined {
  const member = state.event('m.room.member', userId);
  return member === undefined ? undefined : contentOf(member.pdu, 'membership');
}

/** A key of the event's content. */
export function contentOf(pdu: Pdu, key: string): JsonValue | undefined {
  return ownValue(pdu.content, key);
}

/** A key of a value, if that is an object and has it. */
export function ownValue(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

export function hasOwn(object: JsonObject, key: string): boolean {
  return Object.hasOwn(object, key) && object[key] !== undefined;
}
