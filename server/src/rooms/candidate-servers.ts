import { FederationError } from '../federation/federation-error.ts';
import type { CallOptions } from '../federation/signed-request.ts';
import { MatrixError, notFound } from '../protocol/errors.ts';
import type { RoomId, ServerName } from '../protocol/event.ts';
import { isServerName, serverNameOf } from '../protocol/identifiers.ts';
import { membershipOf, serversInRoom } from '../storage/memberships.ts';
import type { RoomRow } from '../storage/rooms.ts';
import type { RoomParts } from './room-parts.ts';
import type { Sender } from './send.ts';

/** Servers that are asked at most for one room. */
const MAX_SERVERS = 20;

/**
 * The other servers through which a room may be entered or knocked upon, the likeliest first: who invited the user, those that
 * the client or an alias named, those known to be in the room, and the one in the room's id.
 */
export async function candidateServers(
  parts: RoomParts,
  { userId }: Pick<Sender, 'userId'>,
  { roomId, room }: { readonly roomId: RoomId; readonly room: RoomRow | undefined },
  named: readonly ServerName[],
): Promise<ServerName[]> {
  const membership = room === undefined ? undefined : await membershipOf(parts.db, room.nid, userId);
  const servers = [
    ...(membership?.membership === 'invite' ? [serverNameOf(membership.sender)] : []),
    ...named,
    // Those who are in it now, or were when we left.
    ...(room === undefined ? [] : await serversInRoom(parts.db, room.nid)),
    ...(roomId.includes(':') ? [roomId.slice(roomId.indexOf(':') + 1)] : []),
  ].filter((name) => name !== parts.serverName && isServerName(name));
  return [...new Set(servers)].slice(0, MAX_SERVERS);
}

/**
 * Tries one server after the other until one does what is wanted. Those that could not be reached lately come last.
 *
 * @throws MatrixError what the most telling of the servers refused it with
 */
export async function throughFirst<T>(
  servers: readonly ServerName[],
  attempt: (server: ServerName, options: CallOptions) => Promise<T>,
): Promise<T> {
  let refusal: MatrixError | undefined;
  let left = servers;
  for (const ignoreBackoff of [false, true]) {
    const later: ServerName[] = [];
    for (const server of left) {
      try {
        return await attempt(server, { ignoreBackoff });
      } catch (error) {
        if (!(error instanceof MatrixError)) throw error;
        if (error instanceof FederationError && error.reason === 'backing_off') later.push(server);
        else if (refusal === undefined || says(error) >= says(refusal)) refusal = error;
      }
    }
    left = later;
  }
  throw refusal ?? notFound('No server is known that could let you into this room.');
}

/** How much a failure tells: a room that refuses, more than a server that cannot decide, more than one that is not there. */
function says(error: MatrixError): number {
  if (error instanceof FederationError && error.reason !== 'refused') return 0;
  return error.errcode === 'M_FORBIDDEN' ? 2 : 1;
}
