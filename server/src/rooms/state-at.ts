import { stateKey } from '../protocol/event.ts';
import type { StoredEvent } from '../storage/events.ts';
import { snapshotGet } from '../storage/state-snapshots.ts';
import type { RoomParts } from './room-parts.ts';

/** The event that a snapshot has for a key. For rules and decisions only: it may have been redacted since. */
export async function stateEventAt(
  parts: RoomParts,
  snapshotId: number,
  type: string,
  key: string,
): Promise<StoredEvent | undefined> {
  const wanted = stateKey(type, key);
  const keyNid = (await parts.stateKeys.find([wanted])).get(wanted);
  if (keyNid === undefined) return undefined;
  const nid = snapshotGet(await parts.snapshots.load(snapshotId), keyNid);
  return nid === undefined ? undefined : (await parts.events.byNid([nid])).get(nid);
}
