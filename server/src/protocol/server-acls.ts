/** Server access control lists (Client-Server API, `m.room.server_acl`; Server-Server API, "Server Access Control Lists"). */

import type { ServerName } from './event.ts';
import { compileGlob } from './glob.ts';
import { parseServerName } from './identifiers.ts';
import { isJsonObject, type JsonValue } from './json.ts';

/** The lists of one `m.room.server_acl`, ready to be asked. */
export interface ServerAcl {
  readonly allowIpLiterals: boolean;
  readonly allow: (host: string) => boolean;
  readonly deny: (host: string) => boolean;
}

/** More entries than this no room needs; an event of 64 KiB can hold over 20,000. */
export const MAX_ACL_ENTRIES = 5_000;

/** Compiles the content of an `m.room.server_acl`. Do it once when the state changes, not for each request. */
export function compileServerAcl(content: unknown): ServerAcl {
  const { allow, deny, allow_ip_literals: allowIpLiterals } = isJsonObject(content) ? content : {};
  const allowed = strings(allow);
  const denied = strings(deny);
  // Entries beyond the cap cannot be left out: whom they were to deny would be let in. So nobody is.
  const tooMany = allowed.length + denied.length > MAX_ACL_ENTRIES;
  return {
    allowIpLiterals: allowIpLiterals !== false,
    allow: anyOf(tooMany ? [] : allowed),
    deny: anyOf(tooMany ? [] : denied),
  };
}

/**
 * Whether the server may take part in the room. Ask for both the peer that makes the request and the server of each event's
 * sender. `undefined` stands for a room without `m.room.server_acl`. What is no server name is denied.
 */
export function serverAclAllows(acl: ServerAcl | undefined, server: ServerName): boolean {
  // 1. Without the event, allow.
  if (acl === undefined) return true;
  const parsed = parseServerName(server);
  if (parsed === undefined) return false;
  // 2. An IP literal, where these are not allowed, is denied.
  if (parsed.kind !== 'dns' && !acl.allowIpLiterals) return false;
  // The port does not count, and neither does case. An IPv6 literal is matched as it stands in a server name, in brackets.
  const host = (parsed.kind === 'ipv6' ? `[${parsed.host}]` : parsed.host).toLowerCase();
  // 3. What is on the deny list is denied. 4. What is on the allow list is allowed. 5. All else is denied.
  return !acl.deny(host) && acl.allow(host);
}

/** Entries without wildcards, which most are, in a set; the others one by one. */
function anyOf(patterns: readonly string[]): (host: string) => boolean {
  const lower = patterns.map((pattern) => pattern.toLowerCase());
  const plain = new Set(lower.filter((pattern) => !/[*?]/.test(pattern)));
  const globs = [...new Set(lower.filter((pattern) => /[*?]/.test(pattern)))].map((pattern) => compileGlob(pattern));
  return (host) => plain.has(host) || globs.some((matches) => matches(host));
}

function strings(list: JsonValue | undefined): string[] {
  return Array.isArray(list) ? list.filter((entry) => typeof entry === 'string') : [];
}
