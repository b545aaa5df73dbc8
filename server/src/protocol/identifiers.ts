/** Identifiers of users, rooms, events, aliases, servers, devices and media (specification, "Identifier Grammar"). */

import type { EventId, RoomAlias, RoomId, ServerName, UserId } from './event.ts';

/** Longest user id, room id, alias or event id, sigil and domain included. */
export const MAX_ID_BYTES = 255;

const DNS_NAME = /^[A-Za-z0-9.-]{1,255}$/;
const DOTTED_QUAD = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;
const PORT = /^\d{1,5}$/;
const HASH_ID = /^[A-Za-z0-9_-]{43}$/;
const NEW_LOCALPART = /^[a-z0-9._=\-/+]+$/;
const COMPLIANT_LOCALPART = /^[\u0021-\u0039\u003b-\u007e]+$/;
const MEDIA_ID = /^[A-Za-z0-9_-]{1,255}$/;

export interface ParsedServerName {
  /** Host without port, and without the brackets of an IPv6 literal. As written: not lower-cased. */
  readonly host: string;
  readonly port: number | undefined;
  readonly kind: 'dns' | 'ipv4' | 'ipv6';
}

/** Host, port and kind of a server name; `undefined` when it breaks the grammar ("Server Name"). */
export function parseServerName(text: string): ParsedServerName | undefined {
  if (text.startsWith('[')) {
    const end = text.indexOf(']');
    if (end < 0 || !isIpv6(text.slice(1, end))) return undefined;
    return withPort(text.slice(1, end), 'ipv6', text.slice(end + 1));
  }
  const colon = text.indexOf(':');
  const host = colon < 0 ? text : text.slice(0, colon);
  if (!DNS_NAME.test(host)) return undefined;
  if (DOTTED_QUAD.test(host) && !isIpv4(host)) return undefined;
  return withPort(host, isIpv4(host) ? 'ipv4' : 'dns', colon < 0 ? '' : text.slice(colon));
}

export function isServerName(value: unknown): value is ServerName {
  return typeof value === 'string' && parseServerName(value) !== undefined;
}

/** A user id by the historical grammar, which everything that comes out of a room has to be measured by. */
export function isUserId(value: unknown): value is UserId {
  return isWithDomain(value, '@');
}

/** A user id that may be shown to clients outside of an event: its localpart is not empty and all of it is visible ASCII. */
export function isCompliantUserId(value: unknown): value is UserId {
  return isUserId(value) && COMPLIANT_LOCALPART.test(localpartOf(value));
}

/** Whether a new account may have this localpart ("User Identifiers"). The length of the whole id is for `isUserId`. */
export function isNewLocalpart(localpart: string): boolean {
  return NEW_LOCALPART.test(localpart);
}

/** A room id of any room version: with a domain, or the hash of the create event. Neither may be taken apart. */
export function isRoomId(value: unknown): value is RoomId {
  if (typeof value !== 'string' || !value.startsWith('!')) return false;
  return value.includes(':') ? isWithDomain(value, '!') : HASH_ID.test(value.slice(1));
}

/**
 * An event id that a server has chosen (room versions 1 and 2): it names the server, and so can never be taken for one that is
 * a hash.
 */
export function isGivenEventId(value: unknown): value is EventId {
  return isWithDomain(value, '$');
}

/** An event id of any room version: opaque, so that only sigil, length and characters are checked. */
export function isEventId(value: unknown): value is EventId {
  return typeof value === 'string' && value.length > 1 && value.startsWith('$') && isSoundText(value);
}

export function isRoomAlias(value: unknown): value is RoomAlias {
  return isWithDomain(value, '#');
}

/** A device id: opaque text that fits where ids fit. */
export function isDeviceId(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && isSoundText(value);
}

/**
 * The server that allocated the id: all after the first colon, because a server name may hold more of them. There is no
 * such thing for room ids, and for event ids only where `isGivenEventId`.
 */
export function serverNameOf(id: UserId | RoomAlias | EventId): ServerName {
  return id.slice(id.indexOf(':') + 1);
}

/** What stands between sigil and first colon. */
export function localpartOf(id: UserId | RoomAlias): string {
  return id.slice(1, id.indexOf(':'));
}

export interface MxcUri {
  readonly serverName: ServerName;
  readonly mediaId: string;
}

/** Server and media id of `mxc://server/media-id`; `undefined` when it breaks the grammar (Client-Server API, "Content repository"). */
export function parseMxcUri(text: string): MxcUri | undefined {
  if (!text.startsWith('mxc://')) return undefined;
  const slash = text.indexOf('/', 6);
  const serverName = text.slice(6, slash);
  const mediaId = text.slice(slash + 1);
  if (slash < 0 || !isServerName(serverName) || !MEDIA_ID.test(mediaId)) return undefined;
  return { serverName, mediaId };
}

function withPort(host: string, kind: ParsedServerName['kind'], rest: string): ParsedServerName | undefined {
  if (rest === '') return { host, port: undefined, kind };
  if (!rest.startsWith(':') || !PORT.test(rest.slice(1))) return undefined;
  return { host, port: Number(rest.slice(1)), kind };
}

function isWithDomain(value: unknown, sigil: string): boolean {
  if (typeof value !== 'string' || !value.startsWith(sigil) || !isSoundText(value)) return false;
  const colon = value.indexOf(':');
  return colon > 0 && isServerName(value.slice(colon + 1));
}

/** No NUL, no half of a surrogate pair, and short enough for an id. */
function isSoundText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\u0000') && Buffer.byteLength(text) <= MAX_ID_BYTES;
}

function isIpv4(text: string): boolean {
  const parts = DOTTED_QUAD.exec(text);
  return parts?.slice(1).every((part) => Number(part) <= 255) ?? false;
}

/** The textual forms of RFC 3513, section 2.2: eight groups, `::` for some of them once, an IPv4 address for the last two. */
function isIpv6(text: string): boolean {
  if (text.length < 2 || text.length > 45) return false;
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')));
  const last = groups.at(-1)?.at(-1);
  const quad = last !== undefined && isIpv4(last);
  if (quad) groups.at(-1)?.pop();
  const all = groups.flat();
  if (!all.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))) return false;
  const count = all.length + (quad ? 2 : 0);
  return halves.length === 2 ? count <= 7 : count === 8;
}
