import { LruCache } from '../base/lru-cache.ts';
import type { UserId } from '../protocol/event.ts';
import { erasedPositions } from '../storage/accounts.ts';
import type { Queryable } from '../storage/database.ts';
import type { LogFollower } from '../storage/log-follower.ts';

/** Local users who had what they sent erased, and when. */
export interface ErasedUsers {
  /** Of the users given, those who did: by user id, the position of the log at that moment. */
  among(userIds: Iterable<UserId>): Promise<ReadonlyMap<UserId, number>>;
}

const REMEMBERED = 50_000;

/** Remembers the answers, for users who did not as well: advanced by the log, which has a row of each closed account. */
export function openErasedUsers(db: Queryable, follower: Pick<LogFollower, 'onRows'>): ErasedUsers {
  const known = new LruCache<UserId, { readonly position: number | undefined }>(REMEMBERED);
  let changes = 0;
  follower.onRows((rows) => {
    for (const { kind, userId } of rows) {
      if (kind !== 'profile' || userId === null) continue;
      changes += 1;
      known.delete(userId as UserId);
    }
  });

  async function lookUp(userIds: readonly UserId[]): Promise<ReadonlyMap<UserId, number>> {
    const before = changes;
    const found = await erasedPositions(db, userIds);
    // What was read while something changed may be from before the change.
    if (changes === before) for (const userId of userIds) known.set(userId, { position: found.get(userId) });
    return found;
  }

  return {
    async among(userIds) {
      const erased = new Map<UserId, number>();
      const unknown = new Set<UserId>();
      for (const userId of userIds) {
        const entry = known.get(userId);
        if (entry === undefined) unknown.add(userId);
        else if (entry.position !== undefined) erased.set(userId, entry.position);
      }
      if (unknown.size > 0) for (const [userId, position] of await lookUp([...unknown])) erased.set(userId, position);
      return erased;
    },
  };
}
