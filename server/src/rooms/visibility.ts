import { type StateKey, stateKey, type UserId } from '../protocol/event.ts';
import { historyVisibility, mayViewEvent, type ViewpointState } from '../protocol/history-visibility.ts';
import type { StoredEvent } from '../storage/events.ts';
import { type MembershipRow, membershipOf, membershipsIn } from '../storage/memberships.ts';
import { snapshotGet } from '../storage/state-snapshots.ts';
import type { RoomParts } from './room-parts.ts';

/** Why a user may read a room at all. */
export interface Reader {
  readonly userId: UserId;
  readonly membership: string | undefined;
  /** Timeline position at which the user last stopped being joined; null if that has never happened. */
  readonly leftPosition: number | null;
}

/** How a user stands to a room. */
export async function readerOf(parts: RoomParts, roomNid: number, userId: UserId): Promise<Reader> {
  return toReader(userId, await membershipOf(parts.db, roomNid, userId));
}

/** The same for several rooms, by room. */
export async function readersOf(
  parts: RoomParts,
  roomNids: readonly number[],
  userId: UserId,
): Promise<Map<number, Reader>> {
  const rows = new Map((await membershipsIn(parts.db, roomNids, userId)).map((row) => [row.roomNid, row]));
  return new Map(roomNids.map((nid) => [nid, toReader(userId, rows.get(nid))]));
}

function toReader(userId: UserId, row: MembershipRow | undefined): Reader {
  if (row === undefined || row.forgotten) return { userId, membership: undefined, leftPosition: null };
  return { userId, membership: row.membership, leftPosition: row.leftPosition };
}

/**
 * The events of one room that the reader may see (Client-Server API, "History visibility"), decided by the state at each of
 * them. All reading for people passes through here.
 */
export async function visibleEvents(
  parts: RoomParts,
  reader: Reader,
  events: readonly StoredEvent[],
): Promise<StoredEvent[]> {
  const visibilityKey = stateKey('m.room.history_visibility', '');
  const memberKey = stateKey('m.room.member', reader.userId);
  const keys = await parts.stateKeys.find([visibilityKey, memberKey]);
  await parts.snapshots.loadAll(events.flatMap((event) => [event.stateBefore, event.stateAfter]));
  const views = new Map<number, ViewpointState>();
  const viewOf = async (snapshotId: number | null) =>
    await viewAt(parts, keys, visibilityKey, memberKey, snapshotId, views);
  const visible: StoredEvent[] = [];
  for (const event of events) {
    if (event.admission !== 'accepted') continue;
    const before = await viewOf(event.stateBefore);
    const after = event.stateAfter === event.stateBefore ? before : await viewOf(event.stateAfter);
    if (mayViewEvent(before, after, joinedSince(reader, event))) visible.push(event);
  }
  return visible;
}

/** Whether the reader has been in the room at some point after the event. */
function joinedSince(reader: Reader, event: StoredEvent): boolean {
  if (reader.membership === 'join') return true;
  return reader.leftPosition !== null && event.position !== null && event.position <= reader.leftPosition;
}

async function viewAt(
  parts: RoomParts,
  keys: ReadonlyMap<StateKey, number>,
  visibilityKey: StateKey,
  memberKey: StateKey,
  snapshotId: number | null,
  known: Map<number, ViewpointState>,
): Promise<ViewpointState> {
  const cached = known.get(snapshotId ?? 0);
  if (cached !== undefined) return cached;
  const snapshot = snapshotId === null ? undefined : await parts.snapshots.load(snapshotId);
  const nids = [visibilityKey, memberKey].map((key) => {
    const nid = keys.get(key);
    return nid === undefined ? undefined : snapshotGet(snapshot, nid);
  });
  const events = await parts.events.byNid(nids.filter((nid) => nid !== undefined));
  const [visibility, member] = nids.map((nid) => (nid === undefined ? undefined : events.get(nid)));
  const membership = member?.pdu.content.membership;
  const view = {
    visibility: historyVisibility(visibility?.pdu.content),
    membership: typeof membership === 'string' ? membership : undefined,
  };
  known.set(snapshotId ?? 0, view);
  return view;
}
