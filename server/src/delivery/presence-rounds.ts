import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../base/clock.ts';
import type { ServerName, UserId } from '../protocol/event.ts';
import { serverNameOf } from '../protocol/identifiers.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Database } from '../storage/database.ts';
import {
  newPresenceAudience,
  type PresenceAudience,
  presenceAudience,
  presenceAudienceAmong,
} from '../storage/presence-audience.ts';

/** Changes within this time are told together. */
const LOOK_MS = 500;
/** Users whose audience is looked up at a time, and servers that are told everything at a time. */
const MAX_USERS = 200;
const MAX_RETURNED = 20;
/** Users that a server which has come back, or come to a room, is told of. */
const MAX_GREETED = 1_000;
/** Servers, and rooms, that wait to be looked at; what is beyond that is told with the next renewal. */
const MAX_WAITING = 1_000;
/** At most this often a server is told something: a thousand of them take twenty seconds and little of the processor. */
const TURN_MS = 20;
/** Others take a user of ours for offline when they have heard nothing for half an hour. */
const RENEWAL_MS = 20 * 60_000;

/** Presence of users here and elsewhere: what `users/presence.ts` knows. */
export interface PresenceSource {
  /** Content of `m.presence`; undefined for a user who has not been seen. */
  contentOf(userId: UserId): JsonObject | undefined;
  users(): UserId[];
  onChange(listener: (userId: UserId) => void): () => void;
}

export interface PresenceRoundsParts {
  readonly db: Database;
  readonly serverName: ServerName;
  readonly presence: PresenceSource;
  /** Puts the users to what waits for a server. @returns false where this process does not serve it, or it cannot be reached */
  readonly tell: (server: ServerName, userIds: readonly UserId[]) => boolean;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

/**
 * Tells other servers of the presence of our users: those who share a room with one, when it changes, every twenty minutes while
 * the user is not offline, when they come to share a room, and when a server is there again. It goes in rounds at a bounded pace,
 * and what is told is what is so when it is sent, so that changes behind one another are told as one. Nothing of this is
 * stored: what was not told when the process ends is told with the next change or the next renewal, and others take users
 * who do not come back for offline by themselves.
 */
export class PresenceRounds {
  readonly #parts: PresenceRoundsParts;
  readonly #changed = new Set<UserId>();
  /** Servers that are there again. */
  readonly #returned = new Set<ServerName>();
  /** Rooms in which somebody came to be, and the first position of the log at which. */
  readonly #rooms = new Map<number, number>();
  readonly #end = new AbortController();
  #renewedAt: number;
  #running: Promise<void> | undefined;
  #stopListening: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: PresenceRoundsParts) {
    this.#parts = parts;
    this.#renewedAt = parts.clock.monotonic();
  }

  start(): void {
    this.#stopListening = this.#parts.presence.onChange((userId) => {
      if (this.#isOurs(userId)) this.#changed.add(userId);
    });
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    this.#stopListening?.();
    clearInterval(this.#timer);
    this.#end.abort();
    await this.#running;
  }

  /** A server is there again, and has missed what changed meanwhile. */
  hasReturned(server: ServerName): void {
    if (this.#returned.size < MAX_WAITING) this.#returned.add(server);
  }

  /** At a position of the log the membership of somebody in a room changed. */
  membershipChanged(roomNid: number, position: number): void {
    if (this.#rooms.size < MAX_WAITING && !this.#rooms.has(roomNid)) this.#rooms.set(roomNid, position);
  }

  #isOurs(userId: UserId): boolean {
    return serverNameOf(userId) === this.#parts.serverName;
  }

  #look(): void {
    this.#renew();
    if (this.#running !== undefined || this.#changed.size + this.#returned.size + this.#rooms.size === 0) return;
    this.#running = this.#round()
      .catch(this.#parts.onError)
      .finally(() => {
        this.#running = undefined;
      });
  }

  #renew(): void {
    const { clock, presence } = this.#parts;
    if (clock.monotonic() - this.#renewedAt < RENEWAL_MS) return;
    this.#renewedAt = clock.monotonic();
    for (const userId of this.#ourUsers())
      if (presence.contentOf(userId)?.presence !== 'offline') this.#changed.add(userId);
  }

  #ourUsers(): UserId[] {
    return this.#parts.presence.users().filter((userId) => this.#isOurs(userId));
  }

  async #round(): Promise<void> {
    const changed = [...this.#changed].slice(0, MAX_USERS);
    const returned = [...this.#returned].slice(0, MAX_RETURNED);
    const rooms = new Map(this.#rooms);
    for (const userId of changed) this.#changed.delete(userId);
    for (const server of returned) this.#returned.delete(server);
    this.#rooms.clear();
    const audiences = await this.#audiences(changed, returned, rooms).catch((error: unknown) => {
      // Postgres is away: the same is looked up again.
      for (const userId of changed) this.#changed.add(userId);
      for (const server of returned) this.hasReturned(server);
      for (const [nid, position] of rooms) this.membershipChanged(nid, position);
      throw error;
    });
    const { signal } = this.#end;
    for (const { server, userIds } of audiences) {
      if (signal.aborted) return;
      // A pause fails only because it is broken off, as everything else is then.
      if (this.#parts.tell(server, userIds)) await delay(TURN_MS, undefined, { signal }).catch(() => {});
    }
  }

  /** Who is to be told of whom. */
  async #audiences(
    changed: readonly UserId[],
    returned: readonly ServerName[],
    rooms: ReadonlyMap<number, number>,
  ): Promise<PresenceAudience[]> {
    const { db, serverName } = this.#parts;
    const audiences = changed.length === 0 ? [] : await presenceAudience(db, serverName, changed);
    const users = returned.length + rooms.size === 0 ? [] : this.#ourUsers().slice(-MAX_GREETED);
    if (users.length === 0) return audiences;
    if (returned.length > 0) audiences.push(...(await presenceAudienceAmong(db, serverName, users, returned)));
    if (rooms.size > 0) {
      const came = { nids: [...rooms.keys()], since: Math.min(...rooms.values()) };
      audiences.push(...(await newPresenceAudience(db, serverName, users, came)));
    }
    return audiences;
  }
}
