import type { Clock } from '../base/clock.ts';
import type { UserId } from '../protocol/event.ts';
import type { Database } from '../storage/database.ts';
import type { LogFollower } from '../storage/log-follower.ts';

/** Who is typing where, in all processes: not durable, told around by notifications. */
export interface Typing {
  /** @param timeoutMs how long unless renewed; 0 stops. Clamped to two minutes. */
  set(roomNid: number, userId: UserId, timeoutMs: number): Promise<void>;
  /** The users typing in a room, and when that last changed. */
  in(roomNid: number): { readonly users: readonly UserId[]; readonly serial: number } | undefined;
  /** Rooms whose typing users changed after a serial. */
  changedSince(serial: number): number[];
  /** Serial of the newest change. */
  serial(): number;
  /** @returns stops listening */
  onChange(listener: (roomNid: number, userId: UserId, typing: boolean) => void): () => void;
  stop(): void;
}

/** Channel of the notifications. */
export const TYPING_CHANNEL = 'typing';

const MAX_TIMEOUT_MS = 120_000;
const SWEEP_MS = 1_000;

interface RoomTyping {
  readonly until: Map<UserId, number>;
  serial: number;
}

const NOTIFY = `SELECT pg_notify('${TYPING_CHANNEL}', json_build_array(nextval('typing_serials'), $1::bigint, $2::text, $3::integer)::text)`;

export async function openTyping(db: Database, follower: LogFollower, clock: Clock): Promise<Typing> {
  const [row] = await db.query<{ serial: number }>(
    // Before its first use a sequence shows the value that it has yet to hand out.
    'SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END AS serial FROM typing_serials',
  );
  let newest = row?.serial ?? 0;
  const rooms = new Map<number, RoomTyping>();
  const listeners = new Set<(roomNid: number, userId: UserId, typing: boolean) => void>();

  function change(roomNid: number, userId: UserId, timeoutMs: number, serial: number): void {
    const room = rooms.get(roomNid) ?? { until: new Map<UserId, number>(), serial };
    rooms.set(roomNid, room);
    const was = room.until.has(userId);
    if (timeoutMs > 0) room.until.set(userId, clock.monotonic() + timeoutMs);
    else room.until.delete(userId);
    newest = Math.max(newest, serial);
    if (was === timeoutMs > 0) return; // Renewed, or not typing anyway: nothing to show.
    room.serial = serial;
    for (const listener of listeners) listener(roomNid, userId, timeoutMs > 0);
  }

  follower.onMessage(TYPING_CHANNEL, (payload) => {
    const [serial, roomNid, userId, timeoutMs] = JSON.parse(payload) as [number, number, UserId, number];
    change(roomNid, userId, timeoutMs, serial);
  });

  // Every process lets its own picture run out: the serial only has to be newer than what its clients have seen.
  const sweep = setInterval(() => {
    const now = clock.monotonic();
    for (const [roomNid, room] of rooms) {
      for (const [userId, until] of room.until) {
        if (until > now) continue;
        room.until.delete(userId);
        room.serial = ++newest;
        for (const listener of listeners) listener(roomNid, userId, false);
      }
    }
  }, SWEEP_MS);
  sweep.unref();

  return {
    async set(roomNid, userId, timeoutMs) {
      await db.query(NOTIFY, [roomNid, userId, Math.min(timeoutMs, MAX_TIMEOUT_MS)]);
    },
    in(roomNid) {
      const room = rooms.get(roomNid);
      return room === undefined ? undefined : { users: [...room.until.keys()], serial: room.serial };
    },
    changedSince: (serial) => [...rooms].flatMap(([nid, room]) => (room.serial > serial ? [nid] : [])),
    serial: () => newest,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop: () => clearInterval(sweep),
  };
}
