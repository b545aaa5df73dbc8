import { LruCache } from '../base/lru-cache.ts';
import type { Pdu, RoomId, ServerName } from '../protocol/event.ts';
import { stateKey } from '../protocol/event.ts';
import { compileServerAcl, type ServerAcl, serverAclAllows } from '../protocol/server-acls.ts';
import { currentStateOf } from '../storage/current-state.ts';
import { serverIsJoined } from '../storage/memberships.ts';
import { snapshotGet } from '../storage/state-snapshots.ts';
import type { OpenRoom } from './open-room.ts';
import type { RoomParts } from './room-parts.ts';

// By the event that holds it, which never changes: compiled once, however often it is asked.
const compiled = new LruCache<number, ServerAcl>(1_000);

/** Whether the room's server ACL lets a server take part; true where we hold no such room (Client-Server API, "Server ACLs"). */
export async function serverMayTakePart(parts: RoomParts, roomId: RoomId, server: ServerName): Promise<boolean> {
  const room = await parts.rooms.byId(roomId);
  if (room === undefined) return true;
  const key = [...(await parts.stateKeys.find([stateKey('m.room.server_acl', '')])).values()];
  const [row] = await currentStateOf(parts.db, [room.nid], key);
  if (row === undefined) return true;
  const acl =
    compiled.get(row.eventNid) ??
    compile(row.eventNid, (await parts.events.byNid([row.eventNid])).get(row.eventNid)?.pdu);
  return serverAclAllows(acl, server);
}

/** The same for a room that is open, as of the events added a moment ago. */
export async function serverMayTakePartIn(parts: RoomParts, open: OpenRoom, server: ServerName): Promise<boolean> {
  // Made once and then known: to look for a pair that nobody has used yet would be a question to the database each time.
  const [key] = await parts.stateKeys.intern([stateKey('m.room.server_acl', '')]);
  const nid = key === undefined ? undefined : snapshotGet(open.state, key);
  if (nid === undefined) return true;
  const acl = compiled.get(nid) ?? compile(nid, (await open.eventsByNid([nid])).get(nid)?.event.pdu);
  return serverAclAllows(acl, server);
}

function compile(eventNid: number, pdu: Pdu | undefined): ServerAcl {
  const acl = compileServerAcl(pdu?.content);
  compiled.set(eventNid, acl);
  return acl;
}

/** Whether a server and this one both have a joined member in the room: of a room that we have left we say nothing. */
export async function isSharedWith(parts: RoomParts, roomId: RoomId, server: ServerName): Promise<boolean> {
  const room = await parts.rooms.byId(roomId);
  if (room === undefined || !(await serverIsJoined(parts.db, room.nid, parts.serverName))) return false;
  return await serverIsJoined(parts.db, room.nid, server);
}
