import { LruCache } from '../base/lru-cache.ts';
import { FollowedCache } from '../storage/followed-cache.ts';
import type { LogFollower } from '../storage/log-follower.ts';
import type { RuledRoom } from './push-contexts.ts';
import type { CountedRooms, ReadPositions } from './unread-counts.ts';
import type { UserSettings } from './user-settings.ts';

/** What is kept of users between rounds of `/sync`, so that a round with little news reads little. */
export interface SyncMemory {
  readonly settings: FollowedCache<UserSettings>;
  /** Rooms that users have joined, by user: whom news of a room may concern. Who has just been removed may still be there. */
  readonly joined: FollowedCache<ReadonlySet<number>>;
  /** Devices, by user, for which no message waits. */
  readonly emptyInboxes: FollowedCache<Set<string>>;
  /** Up to which position users have read the threads of rooms, by user and room. */
  readonly read: FollowedCache<ReadonlyMap<number, ReadPositions>>;
  readonly counted: CountedRooms;
  /** By room. */
  readonly ruled: LruCache<number, RuledRoom>;
}

/** Their push rules, made ready, are 13 KB each. */
const REMEMBERED_SETTINGS = 2_000;
const REMEMBERED_DEVICES = 20_000;
const REMEMBERED_MEMBERSHIPS = 500_000;
const REMEMBERED_COUNTS = 20_000;
const REMEMBERED_ROOMS = 2_000;

export function openSyncMemory(follower: Pick<LogFollower, 'onRows' | 'position'>): SyncMemory {
  return {
    settings: new FollowedCache(follower, {
      capacity: REMEMBERED_SETTINGS,
      keyOf: ({ kind, userId }) => (kind === 'account_data' ? userId : null),
    }),
    joined: new FollowedCache(follower, {
      capacity: REMEMBERED_MEMBERSHIPS,
      keyOf: ({ kind, userId }) => (kind === 'event' ? userId : null),
      sizeOf: (rooms) => 1 + rooms.size,
    }),
    emptyInboxes: new FollowedCache(follower, {
      capacity: REMEMBERED_DEVICES,
      keyOf: ({ kind, userId }) => (kind === 'to_device' ? userId : null),
      sizeOf: (devices) => 1 + devices.size,
    }),
    read: new FollowedCache(follower, {
      capacity: REMEMBERED_COUNTS,
      keyOf: ({ kind, userId }) => (kind === 'receipt' ? userId : null),
      sizeOf: (rooms) => 1 + rooms.size,
    }),
    counted: new LruCache(REMEMBERED_COUNTS),
    ruled: new LruCache(REMEMBERED_ROOMS),
  };
}
