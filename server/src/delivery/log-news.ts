import type { ServerName } from '../protocol/event.ts';

/** What the log has said that other servers may have to know, until it is looked at. */
export class LogNews {
  /** Rooms with new events. */
  readonly rooms = new Set<number>();
  /** Events that changed the membership of somebody from elsewhere, and their server. */
  readonly members = new Map<number, ServerName>();
  /** Rooms in which memberships of users of ours changed, and the first position at which one did. */
  readonly roomsOfOurs = new Map<number, number>();
  /** Users of ours whose devices changed, and the first position at which they did. */
  readonly deviceLists = new Map<string, number>();
  /** Positions at which messages to devices of others came. */
  readonly toDevice = new Set<number>();

  get isEmpty(): boolean {
    return this.rooms.size + this.roomsOfOurs.size + this.deviceLists.size + this.toDevice.size === 0;
  }

  /** Takes what was to be looked at and could not be. */
  takeBack(news: LogNews): void {
    for (const room of news.rooms) this.rooms.add(room);
    for (const [nid, server] of news.members) this.members.set(nid, server);
    for (const [room, position] of news.roomsOfOurs) this.roomsOfOurs.set(room, position);
    for (const [userId, position] of news.deviceLists) this.deviceLists.set(userId, position);
    for (const position of news.toDevice) this.toDevice.add(position);
  }
}
