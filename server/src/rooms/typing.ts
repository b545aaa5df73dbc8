import { randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import type { UserId } from '../protocol/event.ts';
import type { Database } from '../storage/database.ts';
import type { LogFollower } from '../storage/log-follower.ts';

/** Channel of the notifications. */
export const TYPING_CHANNEL = 'typing';

const MAX_TIMEOUT_MS = 120_000;
const SWEEP_MS = 1_000;
/** Rooms remembered after the last of their users has stopped typing, so that clients are told of that. */
const MAX_QUIET_ROOMS = 10_000;

interface RoomTyping {
  readonly until: Map<UserId, number>;
  /** Number of the last change. */
  serial: number;
}

type TypingListener = (roomNid: number, userId: UserId, typing: boolean) => void;

/**
 * Who is typing where: not durable, told to all processes by notifications, and run out by each for itself. Changes are
 * numbered per process, so a token of another process, or from before a restart, means nothing: its holder is told everything.
 */
export class Typing {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #epoch = randomBytes(4).toString('hex');
  readonly #rooms = new Map<number, RoomTyping>();
  readonly #listeners = new Set<TypingListener>();
  readonly #sweep: NodeJS.Timeout;
  #serial = 0;

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

  /** The users typing in a room; undefined where nobody has been for long. */
  in(roomNid: number): readonly UserId[] | undefined {
    const room = this.#rooms.get(roomNid);
    return room === undefined ? undefined : [...room.until.keys()];
  }

  /** Where a client stands that has seen everything. */
  token(): string {
    return `${this.#epoch}.${this.#serial}`;
  }

  /** Whether the typing users of a room are other ones than at the token. */
  hasChanged(roomNid: number, token: string): boolean {
    return (this.#rooms.get(roomNid)?.serial ?? 0) > this.#serialOf(token);
  }

  /** Rooms whose typing users changed after the token. */
  changedSince(token: string): number[] {
    const since = this.#serialOf(token);
    return [...this.#rooms].flatMap(([nid, room]) => (room.serial > since ? [nid] : []));
  }

  /** @returns stops listening */
  onChange(listener: TypingListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stop(): void {
    clearInterval(this.#sweep);
  }

  #serialOf(token: string): number {
    const [epoch, serial] = token.split('.');
    return epoch === this.#epoch ? Number(serial) : 0;
  }

  #change(roomNid: number, userId: UserId, timeoutMs: number): void {
    const room = this.#rooms.get(roomNid) ?? { until: new Map<UserId, number>(), serial: 0 };
    const was = room.until.has(userId);
    const is = timeoutMs > 0;
    if (is) room.until.set(userId, this.#clock.monotonic() + timeoutMs);
    else room.until.delete(userId);
    if (was === is) return; // Renewed, or not typing anyway: nothing to show.
    this.#rooms.delete(roomNid); // To the end: the rooms are in the order of their last change.
    this.#rooms.set(roomNid, room);
    this.#announce(roomNid, room, userId, is);
  }

  #runOut(): void {
    const now = this.#clock.monotonic();
    for (const [roomNid, room] of this.#rooms) {
      for (const [userId, until] of room.until) {
        if (until > now) continue;
        room.until.delete(userId);
        this.#announce(roomNid, room, userId, false);
      }
    }
    for (const [roomNid, room] of this.#rooms) {
      if (this.#rooms.size <= MAX_QUIET_ROOMS) break;
      if (room.until.size === 0) this.#rooms.delete(roomNid);
    }
  }

  #announce(roomNid: number, room: RoomTyping, userId: UserId, typing: boolean): void {
    this.#serial += 1;
    room.serial = this.#serial;
    for (const listener of this.#listeners) listener(roomNid, userId, typing);
  }
}
