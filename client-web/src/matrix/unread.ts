import type { NotificationLevel } from './notification-level.ts';

/** How loudly a room asks for attention, quietest first. */
export type UnreadLevel = 'none' | 'activity' | 'notification' | 'mention';

export interface Unread {
  level: UnreadLevel;
  /** Messages that the push rules say to notify about, mentions among them. */
  notifications: number;
  /** Messages that mention the user or a keyword. */
  mentions: number;
}

export interface UnreadFacts {
  /** The server's counts, threads included. */
  notifications: number;
  mentions: number;
  /** The newest message is someone else's and no receipt of ours covers it. */
  hasUnreadMessage: boolean;
  notificationLevel: NotificationLevel;
  isInvite: boolean;
}

export const nothingUnread: Unread = { level: 'none', notifications: 0, mentions: 0 };

/** What the room list shows for a room. A muted room stays silent except for mentions, which push rules may still raise. */
export function countUnread(facts: UnreadFacts): Unread {
  if (facts.isInvite) return { level: 'mention', notifications: 1, mentions: 1 };
  const mentions = Math.max(0, facts.mentions);
  // A server may send a smaller total than highlights for a moment; the larger is the truth.
  const notifications = Math.max(0, facts.notifications, mentions);
  if (mentions > 0) return { level: 'mention', notifications, mentions };
  if (facts.notificationLevel === 'mute') return nothingUnread;
  if (notifications > 0) return { level: 'notification', notifications, mentions };
  return facts.hasUnreadMessage ? { level: 'activity', notifications: 0, mentions: 0 } : nothingUnread;
}
