import type { JsonObject } from './json.ts';

export type EventId = `$${string}`;
export type RoomId = `!${string}`;
export type RoomAlias = `#${string}`;
export type UserId = `@${string}`;
export type ServerName = string;

export type Signatures = Record<ServerName, Record<string, string>>;

/**
 * A persistent data unit as it travels between servers (Server-Server API, "PDUs"), in the format of room versions 3 and
 * later: the event id is not part of it, `prev_events` and `auth_events` are lists of event ids, and from version 12 on
 * `m.room.create` has no `room_id`.
 */
export interface Pdu extends JsonObject {
  type: string;
  room_id?: RoomId;
  sender: UserId;
  state_key?: string;
  content: JsonObject;
  depth: number;
  origin_server_ts: number;
  prev_events: EventId[];
  auth_events: EventId[];
  hashes: { sha256: string };
  signatures: Signatures;
  unsigned?: JsonObject;
  /** Target of an `m.room.redaction` in room versions before 11. */
  redacts?: EventId;
}

/** A PDU together with what is derived from it: its id and the room that it belongs to. */
export interface Event {
  readonly eventId: EventId;
  readonly roomId: RoomId;
  readonly pdu: Pdu;
}

/** Key of a state map: event type and state key, joined by a NUL, which neither may contain in practice. */
export type StateKey = `${string}\u0000${string}`;

export function stateKey(type: string, key: string): StateKey {
  return `${type}\u0000${key}`;
}

/** State of a room at one point: (type, state key) → event. */
export type StateMap<T> = ReadonlyMap<StateKey, T>;
