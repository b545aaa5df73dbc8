import { type StateKey, stateKey, type UserId } from '../protocol/event.ts';
import { historyVisibility, mayViewEvent, type ViewpointState } from '../protocol/history-visibility.ts';
import type { StoredEvent } from '../storage/events.ts';
import { type MembershipRow, membershipOf, membershipsIn } from '../storage/memberships.ts';
import { type Snapshot, snapshotGet } from '../storage/state-snapshots.ts';
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

/** What counts for one user about the state of a room at some point: by the id of its snapshot. */
export type Viewpoints = (snapshotId: number | null) => ViewpointState;

/** The viewpoints before and after each of the events, which may be of several rooms. */
export async function viewpointsOf(
  parts: RoomParts,
  userId: UserId,
  events: readonly StoredEvent[],
): Promise<Viewpoints> {
  const snapshots = await parts.snapshots.loadAll(events.flatMap((event) => [event.stateBefore, event.stateAfter]));
  const wanted = [stateKey('m.room.history_visibility', ''), stateKey('m.room.member', userId)];
  const keys = snapshots.size === 0 ? new Map<StateKey, number>() : await parts.stateKeys.find(wanted);
  const nidsOf = (snapshot: Snapshot | undefined) => wanted.map((key) => snapshotGet(snapshot, keys.get(key) ?? 0));
  const nids = new Set([...snapshots.values()].flatMap(nidsOf).filter((nid) => nid !== undefined));
  const found = await parts.events.byNid([...nids]);
  const contentOf = (nid: number | undefined) => (nid === undefined ? undefined : found.get(nid)?.pdu.content);
  return (snapshotId) => {
    const [visibility, member] = nidsOf(snapshots.get(snapshotId ?? 0)).map(contentOf);
    const membership = member?.membership;
    return {
      visibility: historyVisibility(visibility),
      membership: typeof membership === 'string' ? membership : undefined,
    };
  };
}

/** Membership of a user in each of the snapshots; those where there is none are left out. */
export async function membershipsAt(
  parts: RoomParts,
  userId: UserId,
  snapshots: ReadonlyMap<number, Snapshot>,
): Promise<Map<number, string>> {
  const [keyNid] = (await parts.stateKeys.find([stateKey('m.room.member', userId)])).values();
  if (keyNid === undefined) return new Map();
  const nids = new Map([...snapshots].map(([id, snapshot]) => [id, snapshotGet(snapshot, keyNid)]));
  const members = await parts.events.byNid([...new Set([...nids.values()].filter((nid) => nid !== undefined))]);
  return new Map(
    [...nids].flatMap(([id, nid]) => {
      const membership = nid === undefined ? undefined : members.get(nid)?.pdu.content.membership;
      return typeof membership === 'string' ? [[id, membership] as const] : [];
    }),
  );
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
  return visibleFrom(await viewpointsOf(parts, reader.userId, events), reader, events);
}

/** The same where the viewpoints of the reader's user are at hand. */
export function visibleFrom(viewpoints: Viewpoints, reader: Reader, events: readonly StoredEvent[]): StoredEvent[] {
  return events.filter(
    (event) =>
      event.admission === 'accepted' &&
      mayViewEvent(viewpoints(event.stateBefore), viewpoints(event.stateAfter), joinedSince(reader, event)),
  );
}

/** Whether the reader has been in the room at some point after the event. */
function joinedSince(reader: Reader, event: StoredEvent): boolean {
  if (reader.membership === 'join') return true;
  return reader.leftPosition !== null && event.position !== null && event.position <= reader.leftPosition;
}
