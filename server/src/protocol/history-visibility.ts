/** Who may see an event (Client-Server API, "Room History Visibility"). */

import { isJsonObject } from './json.ts';

export type HistoryVisibility = 'world_readable' | 'shared' | 'invited' | 'joined';

const VALUES: readonly unknown[] = ['world_readable', 'shared', 'invited', 'joined'] satisfies HistoryVisibility[];

/** What the content of an `m.room.history_visibility` says; `shared` when there is no such event or it says nothing known. */
export function historyVisibility(content: unknown): HistoryVisibility {
  const value = isJsonObject(content) ? content.history_visibility : undefined;
  return VALUES.includes(value) ? (value as HistoryVisibility) : 'shared';
}

/** The room as far as it matters to one viewer, at one point of its history. */
export interface ViewpointState {
  readonly visibility: HistoryVisibility;
  /** The viewer's `membership`; for a server, the strongest of its users: see `strongestMembership`. */
  readonly membership: string | undefined;
}

/**
 * Whether the viewer may see an event.
 *
 * `before` and `after` are the states before and after it. They differ only for an `m.room.history_visibility`, and for the
 * viewer's own `m.room.member`: such an event is seen by whom either state lets see it. `joinedSince`: whether the viewer, or
 * any user of the server, was joined at some later point.
 */
export function mayViewEvent(before: ViewpointState, after: ViewpointState, joinedSince: boolean): boolean {
  return allows(before, joinedSince) || allows(after, joinedSince);
}

/** The strongest of the memberships that a server's users had: what any of them may see, the server may. */
export function strongestMembership(memberships: Iterable<string | undefined>): 'join' | 'invite' | undefined {
  let strongest: 'invite' | undefined;
  for (const membership of memberships) {
    if (membership === 'join') return 'join';
    if (membership === 'invite') strongest = 'invite';
  }
  return strongest;
}

function allows({ visibility, membership }: ViewpointState, joinedSince: boolean): boolean {
  // 1. world_readable: everybody.
  if (visibility === 'world_readable') return true;
  // 2. Whoever was joined.
  if (membership === 'join') return true;
  // 3. shared: whoever joined at any point after.
  if (visibility === 'shared' && joinedSince) return true;
  // 4. invited: whoever was invited.
  return visibility === 'invited' && membership === 'invite';
}
