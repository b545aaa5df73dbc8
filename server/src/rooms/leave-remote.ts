import { MatrixError } from '../protocol/errors.ts';
import { referenceTo } from '../protocol/event-hashes.ts';
import { nextDepth } from '../protocol/event-signing.ts';
import type { JsonObject } from '../protocol/json.ts';
import { eventsByNid } from '../storage/events.ts';
import type { MembershipRow } from '../storage/memberships.ts';
import type { RoomRow } from '../storage/rooms.ts';
import { throughFirst } from './candidate-servers.ts';
import { versionOf } from './fetch-events.ts';
import { signMembership, signOwnMembership } from './member-template.ts';
import { storeOutlierMembership } from './outlier-membership.ts';
import type { RoomParts } from './room-parts.ts';
import type { Sender } from './send.ts';
import { serversThatKnow } from './stripped-state.ts';

const DEADLINE_MS = 20_000;
/** Somebody is waiting for the end of it. */
const MAX_SERVERS = 3;

/**
 * Declines an invite, or takes back a knock, in a room that this server is not in (Server-Server API, "Leaving Rooms"). The
 * user has left in any case: if the other server cannot be told, the leave is ours alone.
 */
export async function leaveRemote(
  parts: RoomParts,
  sender: Sender,
  room: RoomRow,
  membership: MembershipRow,
  content: JsonObject,
): Promise<void> {
  const own = { userId: sender.userId, roomId: room.roomId, content: { ...content, membership: 'leave' } };
  try {
    const servers = serversThatKnow(membership).filter((server) => server !== parts.serverName);
    const leave = await throughFirst(servers.slice(0, MAX_SERVERS), async (server, options) => {
      const patient = { ...options, deadlineMs: DEADLINE_MS };
      const made = await parts.federation.makeLeave(server, own, patient);
      const { event } = signMembership(parts, server, { ...made, roomVersion: made.roomVersion ?? room.version }, own);
      await parts.federation.sendLeave(server, { ...own, eventId: event.eventId, event: event.pdu }, patient);
      return event;
    });
    await storeOutlierMembership(parts, room, leave, { local: true });
    return;
  } catch (error) {
    // Unreachable, or it no longer knows of the invite: the user wants to be out all the same.
    if (!(error instanceof MatrixError)) throw error;
  }
  const [last] = await eventsByNid(parts.db, [membership.eventNid]);
  const version = versionOf(room);
  const prev = last === undefined ? [] : [referenceTo(last, version)];
  const place = {
    prev_events: prev,
    auth_events: prev,
    depth: nextDepth(last === undefined ? [] : [last.depth], version),
  };
  await storeOutlierMembership(parts, room, signOwnMembership(parts, version, place, own), { local: true });
}
