import type { RoomId, UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { PushRuleset } from '../protocol/push-rules.ts';
import type { RoomParts } from '../rooms/room-parts.ts';
import type { Typing } from '../rooms/typing.ts';
import type { DeviceListWatch } from './device-list-watch.ts';
import type { SyncMemory } from './sync-memory.ts';

export interface AccountDataEvent {
  readonly type: string;
  readonly content: JsonObject;
}

/** What `/sync` reads. Joined in `homeserver.ts`. */
export interface SyncParts {
  readonly rooms: RoomParts;
  readonly typing: Typing;
  readonly deviceLists: DeviceListWatch;
  /** Account data changed after `since` and up to `until`; with `since` 0 everything, `m.push_rules` included. */
  accountData(
    userId: UserId,
    since: number,
    until: number,
  ): Promise<{
    readonly global: readonly AccountDataEvent[];
    readonly rooms: ReadonlyMap<RoomId, readonly AccountDataEvent[]>;
  }>;
  /**
   * `m.presence` events of the users with whom this one shares a room and whose presence changed after `token`; with undefined
   * of all who are not offline.
   */
  presenceSince(userId: UserId, token: string | undefined): Promise<readonly JsonObject[]>;
  /** Where the presence that this process knows stands. */
  presenceToken(): string;
  readonly memory: SyncMemory;
  pushRules(userId: UserId): Promise<PushRuleset>;
  ignoredUsers(userId: UserId): Promise<ReadonlySet<string>>;
}
