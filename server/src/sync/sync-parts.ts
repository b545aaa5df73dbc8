import type { RoomId, UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { PushRuleset } from '../protocol/push-rules.ts';
import type { RoomParts } from '../rooms/room-parts.ts';
import type { Typing } from '../rooms/typing.ts';

export interface AccountDataEvent {
  readonly type: string;
  readonly content: JsonObject;
}

/** What `/sync` reads. Joined in `homeserver.ts`. */
export interface SyncParts {
  readonly rooms: RoomParts;
  readonly typing: Typing;
  /** Account data changed after `since` and up to `until`; with `since` 0 everything, `m.push_rules` included. */
  accountData(
    userId: UserId,
    since: number,
    until: number,
  ): Promise<{
    readonly global: readonly AccountDataEvent[];
    readonly rooms: ReadonlyMap<RoomId, readonly AccountDataEvent[]>;
  }>;
  pushRules(userId: UserId): Promise<PushRuleset>;
  ignoredUsers(userId: UserId): Promise<ReadonlySet<string>>;
}
