import type { Room } from 'matrix-js-sdk';
import { personOf } from './event-projection.ts';
import type { Session } from './session.ts';
import type { Person } from './timeline-event.ts';

const MAX_RECENT_EVENTS = 200;

/**
 * The members who can be mentioned in a room, those who spoke last first. With lazily loaded members only those known
 * so far; call `loadMembers` to know them all.
 */
export function mentionableMembers(session: Session, room: Room): Person[] {
  const spoke = new Map<string, number>();
  const events = room.getLiveTimeline().getEvents().slice(-MAX_RECENT_EVENTS);
  events.forEach((event, index) => {
    const sender = event.getSender();
    if (sender && !event.isState()) spoke.set(sender, index);
  });
  return room
    .getMembers()
    .filter((member) => member.membership === 'join' && member.userId !== session.userId)
    .sort((a, b) => (spoke.get(b.userId) ?? -1) - (spoke.get(a.userId) ?? -1))
    .map((member) => personOf(member, member.userId));
}

/** Fetches the room's whole member list, once. */
export async function loadMembers(room: Room): Promise<void> {
  try {
    await room.loadMembersIfNeeded();
  } catch {
    // Those who have spoken are known anyway; the next completion tries again.
  }
}
