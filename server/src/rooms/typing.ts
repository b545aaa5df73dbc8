import { createHash } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import type { UserId } from '../protocol/event.ts';
import type { Database } from '../storage/database.ts';
import type { LogFollower } from '../storage/log-follower.ts';

/** Channel of the notifications. */
export const TYPING_CHANNEL = 'typing';

const MAX_TIMEOUT_MS = 120_000;
const SWEEP_MS = 1_000;
/** Rooms that a picture shows at most: it travels in every token. */
const MAX_SHOWN_ROOMS = 20;

/** Who is typing in a room at one moment. */
export interface TypingUsers {
  readonly userIds: readonly UserId[];
  /** Short hash of them: what a client's token says of what it was shown. */
  readonly digest: string;
}

type TypingListener = (roomNid: number, userId: UserId, typing: boolean) => void;

/**
 * Who is typing where: not durable, told to all processes by notifications, and run out by each for itself. Clients hold in
 * their tokens what they were shown, so that any process can tell what is new to them, also after a restart.
 */
export class Typing {
  readonly #db: Database;
  readonly #clock: Clock;
  /** Until when, by room; rooms in which nobody is typing are not in it. */
  readonly #rooms = new Map<number, Map<UserId, number>>();
  readonly #listeners = new Set<TypingListener>();
  readonly #sweep: NodeJS.Timeout;

  constructor(db: Database, follower: LogFollower, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
    follower.onMessage(TYPING_CHANNEL, (payload) => {
      const [roomNid, userId, timeoutMs] = JSON.parse(payload) as [number, UserId, number];
      this.#change(roomNid, userId, timeoutMs);
    });
    this.#sweep = setInterval(() => this.#runOut(), SWEEP_MS);
    this.#sweep.unref();
  }

  /** @param timeoutMs how long unless renewed; 0 stops. Clamped to two minutes. */
  async set(roomNid: number, userId: UserId, timeoutMs: number): Promise<void> {
    const payload = JSON.stringify([roomNid, userId, Math.min(timeoutMs, MAX_TIMEOUT_MS)]);
    await this.#db.query('SELECT pg_notify($1, $2)', [TYPING_CHANNEL, payload]);
  }

  isTyping(roomNid: number, userId: UserId): boolean {
    return this.#rooms.get(roomNid)?.has(userId) === true;
  }

  /** Who is typing in the given rooms, by room; rooms in which nobody is are left out, and all beyond a bearable number. */
  picture(roomNids: Iterable<number>): Map<number, TypingUsers> {
    const busy = [...roomNids].filter((nid) => this.#rooms.has(nid)).sort((one, other) => one - other);
    return new Map(busy.slice(0, MAX_SHOWN_ROOMS).map((nid) => [nid, typingUsers(this.#rooms.get(nid) ?? new Map())]));
  }

  /** @returns stops listening */
  onChange(listener: TypingListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stop(): void {
    clearInterval(this.#sweep);
  }

  #change(roomNid: number, userId: UserId, timeoutMs: number): void {
    const room = this.#rooms.get(roomNid) ?? new Map<UserId, number>();
    const was = room.has(userId);
    const is = timeoutMs > 0;
    if (is) {
      room.set(userId, this.#clock.monotonic() + timeoutMs);
      this.#rooms.set(roomNid, room);
    } else this.#remove(roomNid, room, userId);
    if (was !== is) this.#announce(roomNid, userId, is);
  }

  #runOut(): void {
    const now = this.#clock.monotonic();
    for (const [roomNid, room] of this.#rooms) {
      for (const [userId, until] of room) {
        if (until > now) continue;
        this.#remove(roomNid, room, userId);
        this.#announce(roomNid, userId, false);
      }
    }
  }

  #remove(roomNid: number, room: Map<UserId, number>, userId: UserId): void {
    room.delete(userId);
    if (room.size === 0) this.#rooms.delete(roomNid);
  }

  #announce(roomNid: number, userId: UserId, typing: boolean): void {
    for (const listener of this.#listeners) listener(roomNid, userId, typing);
  }
}

function typingUsers(room: ReadonlyMap<UserId, number>): TypingUsers {
  const userIds = [...room.keys()].sort();
  return { userIds, digest: createHash('sha256').update(userIds.join('\n')).digest('hex').slice(0, 8) };
}
