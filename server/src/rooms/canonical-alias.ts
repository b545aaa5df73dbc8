import { invalidParam, MatrixError } from '../protocol/errors.ts';
import { type RoomAlias, stateKey } from '../protocol/event.ts';
import { isRoomAlias, serverNameOf } from '../protocol/identifiers.ts';
import type { JsonObject } from '../protocol/json.ts';
import { currentStateOf } from '../storage/current-state.ts';
import { findAlias } from '../storage/room-aliases.ts';
import type { RoomRow } from '../storage/rooms.ts';
import type { RoomParts } from './room-parts.ts';

/** Aliases that one event may bring: each may have to be asked for at another server. */
const MAX_NEW = 100;

/**
 * The aliases in the content of an `m.room.canonical_alias` that somebody sets (Client-Server API, "Room aliases").
 *
 * @throws MatrixError M_INVALID_PARAM where one is not well-formed
 */
export function aliasesIn(content: JsonObject): RoomAlias[] {
  const { alias, alt_aliases: alternatives = [] } = content;
  if (!Array.isArray(alternatives)) throw invalidParam('alt_aliases must be a list of aliases.');
  const isNone = alias === undefined || alias === null || alias === '';
  return [...(isNone ? [] : [alias]), ...alternatives].map((one) => {
    if (!isRoomAlias(one)) throw invalidParam('An alias is not well-formed.');
    return one;
  });
}

export function badAlias(alias: RoomAlias): MatrixError {
  return new MatrixError('M_BAD_ALIAS', `${alias} does not point to this room.`, 400);
}

/**
 * Aliases that the room's `m.room.canonical_alias` does not have yet must point to the room. Those it has were right when they
 * were set: one that was deleted since must not hinder another.
 *
 * @throws MatrixError M_INVALID_PARAM, M_BAD_ALIAS
 */
export async function checkNewAliases(parts: RoomParts, room: RoomRow, content: JsonObject): Promise<void> {
  const given = new Set(aliasesIn(content));
  const standing = await standingAliases(parts, room);
  const added = [...given].filter((alias) => !standing.has(alias));
  if (added.length > MAX_NEW) throw invalidParam(`At most ${MAX_NEW} aliases can be added at once.`);
  for (const alias of added) if (!(await pointsTo(parts, alias, room))) throw badAlias(alias);
}

async function standingAliases(parts: RoomParts, room: RoomRow): Promise<ReadonlySet<unknown>> {
  const keys = await parts.stateKeys.find([stateKey('m.room.canonical_alias', '')]);
  const [row] = await currentStateOf(parts.db, [room.nid], [...keys.values()]);
  const event = row === undefined ? undefined : (await parts.events.byNid([row.eventNid])).get(row.eventNid);
  const { alias, alt_aliases: alternatives } = event?.pdu.content ?? {};
  return new Set([alias, ...(Array.isArray(alternatives) ? alternatives : [])]);
}

async function pointsTo(parts: RoomParts, alias: RoomAlias, room: RoomRow): Promise<boolean> {
  const server = serverNameOf(alias);
  if (server === parts.serverName) return (await findAlias(parts.db, alias))?.roomNid === room.nid;
  try {
    return (await parts.federation.queryDirectory(server, { roomAlias: alias })).roomId === room.roomId;
  } catch {
    return false; // Whatever the other server's reason is: the alias cannot be shown to lead here.
  }
}
