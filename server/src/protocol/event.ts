import type { JsonObject, WideInteger } from './json.ts';

export type EventId = `$${string}`;
export type RoomId = `!${string}`;
export type RoomAlias = `#${string}`;
export type UserId = `@${string}`;
export type ServerName = string;

export type Signatures = Record<ServerName, Record<string, string>>;

/** An item of `prev_events` and `auth_events`: in room versions 1 and 2 with hashes of the event, which nobody reads. */
export type EventReference = EventId | [EventId, JsonObject];

/**
 * A persistent data unit as it travels between servers (Server-Server API, "PDUs"), in the format of its room version. Read
 * edges through `prevEventIds` and `authEventIds`.
 */
export interface Pdu extends JsonObject {
  type: string;
  /** In room versions 1 and 2 only: elsewhere the id is a hash of the event. */
  event_id?: EventId;
  /** Missing in an `m.room.create` from version 12 on. */
  room_id?: RoomId;
  sender: UserId;
  state_key?: string;
  content: JsonObject;
  depth: WideInteger;
  origin_server_ts: WideInteger;
  prev_events: EventReference[];
  auth_events: EventReference[];
  hashes: { sha256: string };
  signatures: Signatures;
  unsigned?: JsonObject;
  /** Target of an `m.room.redaction` in room versions before 11. */
  redacts?: EventId;
}

/** Ids of the events that the event follows. */
export function prevEventIds(pdu: Pick<Pdu, 'prev_events'>): readonly EventId[] {
  return idsOf(pdu.prev_events);
}

/** Ids of the events that the event names as its authorisation. */
export function authEventIds(pdu: Pick<Pdu, 'auth_events'>): readonly EventId[] {
  return idsOf(pdu.auth_events);
}

/** A list has items of one form, as its room version asks for it. */
function idsOf(references: readonly EventReference[]): readonly EventId[] {
  if (typeof references[0] !== 'object') return references as readonly EventId[];
  return references.map((reference) => (typeof reference === 'string' ? reference : reference[0]));
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
