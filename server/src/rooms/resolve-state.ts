import type { KnownEvent } from '../protocol/authorization.ts';
import type { EventId, StateKey } from '../protocol/event.ts';
import { resolveState } from '../protocol/state-resolution.ts';
import { type Snapshot, snapshotDifference, snapshotEntries, snapshotGet } from '../storage/state-snapshots.ts';
import { asRuleEvent } from './event-cache.ts';
import type { OpenRoom } from './open-room.ts';
import type { RoomParts } from './room-parts.ts';

/**
 * State that several snapshots of a room resolve to, as a snapshot. One that has this very state is reused; else the new one
 * follows the first.
 */
export async function resolveSnapshots(
  parts: RoomParts,
  open: OpenRoom,
  snapshots: readonly (Snapshot | undefined)[],
): Promise<Snapshot | undefined> {
  const distinct = [...new Map(snapshots.map((snapshot) => [snapshot?.id, snapshot])).values()];
  const [first] = distinct;
  if (distinct.length < 2) return first;
  const conflicted = new Set<number>();
  for (const other of distinct.slice(1)) for (const key of snapshotDifference(first, other).keys()) conflicted.add(key);
  if (conflicted.size === 0) return first;

  const resolved = await resolveKeys(parts, open, distinct, conflicted);
  const same = distinct.find((snapshot) =>
    [...conflicted].every((key) => snapshotGet(snapshot, key) === resolved.get(key)),
  );
  if (same !== undefined) return same;
  const changes = new Map<number, number>();
  for (const key of conflicted) {
    const event = resolved.get(key) ?? 0;
    if ((snapshotGet(first, key) ?? 0) !== event) changes.set(key, event);
  }
  return await open.derive(first, changes);
}

/** Runs state resolution and answers the resolved event of each conflicted key. */
async function resolveKeys(
  parts: RoomParts,
  open: OpenRoom,
  snapshots: readonly (Snapshot | undefined)[],
  conflicted: ReadonlySet<number>,
): Promise<Map<number, number>> {
  const entries = snapshots.map((snapshot) => snapshotEntries(snapshot));
  const nids = new Set(entries.flatMap((state) => [...state.values()]));
  // What has just been added leads to stored events by its auth events.
  for (const added of open.allAdded()) for (const nid of added.authEvents) nids.add(nid);
  const keyNids = new Set(entries.flatMap((state) => [...state.keys()]));
  const [keys, stored] = await Promise.all([
    parts.stateKeys.resolve([...keyNids]),
    parts.events.withAuthChain([...nids].filter((nid) => open.addedByNid(nid) === undefined)),
  ]);
  const known = new Map<EventId, KnownEvent>();
  const ids = new Map<number, EventId>();
  const nidOf = new Map<EventId, number>();
  for (const [nid, event] of stored) {
    known.set(event.eventId, { event: asRuleEvent(event, open.room.roomId), rejected: event.admission === 'rejected' });
    ids.set(nid, event.eventId);
    nidOf.set(event.eventId, nid);
  }
  for (const added of open.allAdded()) {
    known.set(added.event.eventId, { event: added.event, rejected: added.admission === 'rejected' });
    ids.set(added.nid, added.event.eventId);
    nidOf.set(added.event.eventId, added.nid);
  }
  const stateSets = entries.map((state) => {
    const set = new Map<StateKey, EventId>();
    for (const [keyNid, nid] of state) {
      const key = keys.get(keyNid);
      const id = ids.get(nid);
      if (key !== undefined && id !== undefined) set.set(key, id);
    }
    return set;
  });
  const resolved = resolveState({ version: open.version, stateSets, lookup: (id) => known.get(id) });
  const result = new Map<number, number>();
  for (const keyNid of conflicted) {
    const key = keys.get(keyNid);
    const id = key === undefined ? undefined : resolved.get(key);
    const nid = id === undefined ? undefined : nidOf.get(id);
    if (nid !== undefined) result.set(keyNid, nid);
  }
  return result;
}
