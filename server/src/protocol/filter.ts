/** Filters for `/sync`, `/messages` and others (Client-Server API, "Filtering"), read once and asked for each event. */

import { badJson } from './errors.ts';
import { compileGlob } from './glob.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';

/** More entries than this a list in a filter may not have. */
export const MAX_FILTER_ENTRIES = 1_000;

/** Chooses events by type and sender. */
export interface EventFilter {
  /** Most events to answer with; `undefined` where the filter leaves it open. Use `filterLimit`. */
  readonly limit: number | undefined;
  /** Whether the filter lets events of this type through. */
  allowsType(type: string): boolean;
  /** Whether it lets this sender through; `undefined` for events that have none, such as typing notifications. */
  allowsSender(sender: string | undefined): boolean;
}

/** Chooses rooms by id. */
export interface RoomChoice {
  allowsRoom(roomId: string): boolean;
  /** The only rooms that can pass, if the filter names them. */
  readonly rooms: ReadonlySet<string> | undefined;
}

/** Chooses events of rooms. */
export interface RoomEventFilter extends EventFilter, RoomChoice {
  /** `true`: only events whose content has a `url`; `false`: only events whose content has none. */
  readonly containsUrl: boolean | undefined;
  /** Only events to which another event of one of these relation types, and by one of these senders, relates. */
  readonly relatedBy: { readonly relTypes?: ReadonlySet<string>; readonly senders?: ReadonlySet<string> } | undefined;
  readonly lazyLoadMembers: boolean;
  readonly includeRedundantMembers: boolean;
  readonly unreadThreadNotifications: boolean;
}

/** A filter as it is uploaded, or passed to `/sync`. */
export interface Filter {
  /** Dot-separated paths of the properties that are asked for. A server may answer with more. */
  readonly eventFields: readonly string[] | undefined;
  /** The form that clients know, or that which servers exchange. */
  readonly eventFormat: 'client' | 'federation';
  readonly presence: EventFilter;
  /** For account data that belongs to no room. */
  readonly accountData: EventFilter;
  /** For rooms. Its choice of rooms goes before that of the filters in it. */
  readonly room: RoomChoice & {
    readonly includeLeave: boolean;
    readonly ephemeral: RoomEventFilter;
    readonly state: RoomEventFilter;
    readonly timeline: RoomEventFilter;
    readonly accountData: RoomEventFilter;
  };
}

/** What a filter looks at in an event. */
export interface FilteredEvent {
  readonly type: string;
  readonly sender?: string | undefined;
  readonly content?: JsonObject | undefined;
  /** Relation type and sender of events that relate to this one. Needed only where `relatedBy` is set. */
  readonly relations?: Iterable<{ readonly relType: string; readonly sender: string }> | undefined;
}

/** Reads a filter (`POST /user/{userId}/filter`, `?filter=` of `/sync`). Throws `M_BAD_JSON` where a key is of the wrong type. */
export function parseFilter(value: unknown): Filter {
  const filter = objectAt(value, '');
  const room = objectAt(filter.room ?? {}, 'room');
  const { event_format: format = 'client' } = filter;
  if (format !== 'client' && format !== 'federation') throw wrong('event_format', '"client" or "federation"');
  return {
    eventFields: stringsAt(filter, 'event_fields', ''),
    eventFormat: format,
    presence: eventFilter(filter.presence ?? {}, 'presence'),
    accountData: eventFilter(filter.account_data ?? {}, 'account_data'),
    room: {
      ...roomChoice(room, 'room'),
      includeLeave: flagAt(room, 'include_leave', 'room') ?? false,
      ephemeral: roomEventFilter(room.ephemeral ?? {}, 'room.ephemeral'),
      state: roomEventFilter(room.state ?? {}, 'room.state'),
      timeline: roomEventFilter(room.timeline ?? {}, 'room.timeline'),
      accountData: roomEventFilter(room.account_data ?? {}, 'room.account_data'),
    },
  };
}

/** Reads the `?filter=` of `/messages`, `/context` and search. Throws `M_BAD_JSON` where a key is of the wrong type. */
export function parseRoomEventFilter(value: unknown): RoomEventFilter {
  return roomEventFilter(value, '');
}

/** The filter that lets everything through. */
export const NO_FILTER: Filter = parseFilter({});
export const NO_ROOM_EVENT_FILTER: RoomEventFilter = NO_FILTER.room.timeline;

/** Whether an event that belongs to no room passes: presence, account data, to-device messages. */
export function eventPasses(filter: EventFilter, event: FilteredEvent): boolean {
  return filter.allowsType(event.type) && filter.allowsSender(event.sender);
}

/** Whether an event of this room passes. */
export function roomEventPasses(filter: RoomEventFilter, roomId: string, event: FilteredEvent): boolean {
  return (
    eventPasses(filter, event) &&
    filter.allowsRoom(roomId) &&
    (filter.containsUrl === undefined || filter.containsUrl === hasUrl(event.content)) &&
    isRelatedTo(filter.relatedBy, event.relations ?? [])
  );
}

/** How many events to answer with: what the filter says, else `fallback`, and never more than `max`. */
export function filterLimit(filter: EventFilter, fallback: number, max: number): number {
  return Math.min(filter.limit ?? fallback, max);
}

function eventFilter(value: unknown, path: string): EventFilter {
  const filter = objectAt(value, path);
  const types = stringsAt(filter, 'types', path);
  const notTypes = stringsAt(filter, 'not_types', path) ?? [];
  const senders = stringsAt(filter, 'senders', path);
  const isType = types && anyOf(types);
  const isNotType = anyOf(notTypes);
  const isSender = senders && new Set(senders);
  const isNotSender = new Set(stringsAt(filter, 'not_senders', path));
  return {
    limit: limitAt(filter, path),
    allowsType: (type) => !isNotType(type) && (isType?.(type) ?? true),
    allowsSender: (sender) =>
      sender === undefined ? !isSender : !isNotSender.has(sender) && (isSender?.has(sender) ?? true),
  };
}

function roomEventFilter(value: unknown, path: string): RoomEventFilter {
  const filter = objectAt(value, path);
  const relTypes = stringsAt(filter, 'related_by_rel_types', path);
  const senders = stringsAt(filter, 'related_by_senders', path);
  const relatedBy = {
    ...(relTypes && { relTypes: new Set(relTypes) }),
    ...(senders && { senders: new Set(senders) }),
  };
  return {
    ...eventFilter(filter, path),
    ...roomChoice(filter, path),
    containsUrl: flagAt(filter, 'contains_url', path),
    relatedBy: relTypes || senders ? relatedBy : undefined,
    lazyLoadMembers: flagAt(filter, 'lazy_load_members', path) ?? false,
    includeRedundantMembers: flagAt(filter, 'include_redundant_members', path) ?? false,
    unreadThreadNotifications: flagAt(filter, 'unread_thread_notifications', path) ?? false,
  };
}

function roomChoice(filter: JsonObject, path: string): RoomChoice {
  const named = stringsAt(filter, 'rooms', path);
  const rooms = named && new Set(named);
  const notRooms = new Set(stringsAt(filter, 'not_rooms', path));
  return { rooms, allowsRoom: (roomId) => !notRooms.has(roomId) && (rooms?.has(roomId) ?? true) };
}

/** Types without a wildcard in a set, the others one by one. */
function anyOf(types: readonly string[]): (type: string) => boolean {
  const plain = new Set(types.filter((type) => !type.includes('*')));
  const globs = types
    .filter((type) => type.includes('*'))
    .map((type) => compileGlob(type, { literalQuestionMark: true }));
  return (type) => plain.has(type) || globs.some((matches) => matches(type));
}

function hasUrl(content: JsonObject | undefined): boolean {
  return content !== undefined && Object.hasOwn(content, 'url');
}

function isRelatedTo(
  wanted: RoomEventFilter['relatedBy'],
  relations: NonNullable<FilteredEvent['relations']>,
): boolean {
  if (wanted === undefined) return true;
  for (const { relType, sender } of relations) {
    if ((wanted.relTypes?.has(relType) ?? true) && (wanted.senders?.has(sender) ?? true)) return true;
  }
  return false;
}

function objectAt(value: unknown, path: string): JsonObject {
  if (!isJsonObject(value)) throw wrong(path === '' ? 'The filter' : path, 'an object');
  return value;
}

function stringsAt(object: JsonObject, key: string, path: string): readonly string[] | undefined {
  const value: JsonValue | undefined = object[key];
  if (value === undefined) return undefined;
  if (
    !Array.isArray(value) ||
    !value.every((entry) => typeof entry === 'string') ||
    value.length > MAX_FILTER_ENTRIES
  ) {
    throw wrong(below(path, key), `a list of at most ${MAX_FILTER_ENTRIES} strings`);
  }
  return value;
}

function flagAt(object: JsonObject, key: string, path: string): boolean | undefined {
  const value = object[key];
  if (value !== undefined && typeof value !== 'boolean') throw wrong(below(path, key), 'a boolean');
  return value;
}

/** Zero is let through, which the specification does not allow for, because clients send it to say "none". */
function limitAt(object: JsonObject, path: string): number | undefined {
  const { limit } = object;
  if (limit === undefined) return undefined;
  if (typeof limit !== 'number' || !Number.isSafeInteger(limit) || limit < 0) {
    throw wrong(below(path, 'limit'), 'a positive integer');
  }
  return limit;
}

function below(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

function wrong(what: string, expected: string): Error {
  return badJson(`${what} is not ${expected}.`);
}
