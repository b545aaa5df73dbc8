import type { RoomSummary } from '../../client-web/src/matrix/room-summary.ts';
import { nothingUnread } from '../../client-web/src/matrix/unread.ts';

/** A channel that one is in and in which nothing is new, unless said otherwise. */
export function roomSummary(name: string, more: Partial<RoomSummary> = {}): RoomSummary {
  return {
    roomId: `!${name}:example.org`,
    name,
    topic: undefined,
    avatarMxc: undefined,
    canonicalAlias: undefined,
    membership: 'join',
    kind: 'channel',
    directUserId: undefined,
    isPublic: false,
    isEncrypted: false,
    isFavourite: false,
    isLowPriority: false,
    memberCount: 2,
    notificationLevel: 'all',
    unread: nothingUnread,
    lastActivity: 0,
    lastMessage: undefined,
    inviter: undefined,
    spaceChildIds: [],
    isReplaced: false,
    ...more,
  };
}
