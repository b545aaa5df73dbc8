import type { UserId } from '../protocol/event.ts';
import { serverNameOf } from '../protocol/identifiers.ts';
import type { StoredEvent } from '../storage/events.ts';
import { roomStatesAt } from '../storage/sync-overview.ts';
import type { RoomParts } from './room-parts.ts';
import { membershipsAt } from './visibility.ts';

/** An event of somebody who has had what they sent erased, with the snapshots that decide who still sees it whole. */
interface ErasedEvent {
  readonly nid: number;
  /** State right after the event, and as it was when its sender had it erased. */
  readonly snapshots: readonly number[];
}

/**
 * Of the given events, those that the user is to see redacted, because their sender had what they sent erased before the user
 * came to see it (Client-Server API, `erase` of "Account deactivation"): who was in the room at the event, or when it was
 * erased, goes on seeing it.
 *
 * @returns their nids
 */
export async function erasedFor(
  parts: RoomParts,
  userId: UserId,
  events: readonly StoredEvent[],
): Promise<ReadonlySet<number>> {
  return await withoutJoined(await erasedEvents(parts, events), async (snapshotIds) => {
    const snapshots = await parts.snapshots.loadAll(snapshotIds);
    const memberships = await membershipsAt(parts, userId, snapshots);
    return new Set([...memberships].flatMap(([id, membership]) => (membership === 'join' ? [id] : [])));
  });
}

/** Nids of those of the events at none of whose snapshots the reader was in the room. */
export async function withoutJoined(
  events: readonly ErasedEvent[],
  joinedAt: (snapshotIds: readonly number[]) => Promise<ReadonlySet<number>>,
): Promise<ReadonlySet<number>> {
  if (events.length === 0) return new Set();
  const joined = await joinedAt([...new Set(events.flatMap(({ snapshots }) => snapshots))]);
  return new Set(events.flatMap(({ nid, snapshots }) => (snapshots.some((id) => joined.has(id)) ? [] : [nid])));
}

/** State of the room itself stays: its name and its rules are not the sender's, and others build on them. */
export async function erasedEvents(parts: RoomParts, events: readonly StoredEvent[]): Promise<ErasedEvent[]> {
  const own = events.filter(
    ({ sender, pdu }) =>
      serverNameOf(sender) === parts.serverName && (pdu.state_key === undefined || pdu.type === 'm.room.member'),
  );
  if (own.length === 0) return [];
  const erased = await parts.erasedUsers.among(new Set(own.map((event) => event.sender)));
  const found: ErasedEvent[] = [];
  for (const [userId, position] of erased) {
    const sent = own.filter((event) => event.sender === userId);
    const states = await roomStatesAt(parts.db, [...new Set(sent.map((event) => event.roomNid))], position);
    for (const { nid, roomNid, stateAfter } of sent)
      found.push({ nid, snapshots: [stateAfter, states.get(roomNid)].flatMap((id) => id ?? []) });
  }
  return found;
}
