export interface SyncChainResult {
  /** Between the first and the last event that the client was shown, or after it, and never shown. */
  readonly gaps: string[];
  /** Shown more than once. */
  readonly repeats: string[];
  /** Shown, and not part of the room. */
  readonly unknown: string[];
  /** Shown before an event that comes earlier in the room. */
  readonly outOfOrder: string[];
}

/**
 * Was a client that followed its own since tokens shown each event of a room once and in the room's order?
 *
 * @param room every event of the room, in order, read when nothing was added any more
 * @param chain what the client was shown, in order, from wherever it began
 */
export function checkSyncChain(room: readonly string[], chain: readonly string[]): SyncChainResult {
  const orderOf = new Map(room.map((eventId, order) => [eventId, order]));
  const shown = new Set<string>();
  const result: SyncChainResult = { gaps: [], repeats: [], unknown: [], outOfOrder: [] };
  let first = room.length;
  let highest = -1;
  for (const eventId of chain) {
    const order = orderOf.get(eventId);
    if (shown.has(eventId)) result.repeats.push(eventId);
    else if (order === undefined) result.unknown.push(eventId);
    else {
      if (order < highest) result.outOfOrder.push(eventId);
      highest = Math.max(highest, order);
      first = Math.min(first, order);
    }
    shown.add(eventId);
  }
  for (const eventId of room.slice(first)) if (!shown.has(eventId)) result.gaps.push(eventId);
  return result;
}
