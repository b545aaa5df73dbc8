import { randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import type { UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Database } from '../storage/database.ts';
import { type LogFollower, notify } from '../storage/log-follower.ts';

export type PresenceState = 'online' | 'unavailable' | 'offline';

/** Presence of a user as it is shown now. */
export interface ShownPresence {
  readonly presence: PresenceState;
  readonly statusMsg: string | undefined;
  /** Milliseconds since the user last did something. */
  readonly lastActiveAgoMs: number;
}

/**
 * Who is online, in all processes: not durable, told around by notifications. A process that starts asks the others; users
 * that only a dead process knew of are offline until their clients sync again.
 */
export interface Presence {
  /** Undefined for a user who has not been seen since the processes started. */
  of(userId: UserId): ShownPresence | undefined;
  /** The same as content of `m.presence`, which is also the answer of `GET /presence/{userId}/status`. */
  contentOf(userId: UserId): JsonObject | undefined;
  /** Everybody who has been seen within a day. */
  users(): UserId[];
  /** What the user says about themselves (`PUT /presence/{userId}/status`). */
  set(userId: UserId, presence: PresenceState, statusMsg: string | undefined): Promise<void>;
  /** What another server says of its user, which holds until it says something else or falls silent. */
  hear(userId: UserId, said: ShownPresence): Promise<void>;
  /** A client of the user syncs. `offline`: it does not want to count. */
  syncing(userId: UserId, presence: PresenceState): Promise<void>;
  /**
   * Users whose shown presence changed after `token` was the newest; some more, if it is a token of another process. Undefined
   * means: everybody who is not offline.
   */
  changedSince(token: string | undefined): UserId[];
  /** Where the picture of this process stands. */
  token(): string;
  /** Called in every process when what is shown of a user changes. @returns stops listening */
  onChange(listener: (userId: UserId) => void): () => void;
  stop(): void;
}

/** Channel of the notifications. */
export const PRESENCE_CHANNEL = 'presence';

/** What a token looks like. */
export const PRESENCE_TOKEN = /^[0-9a-f]{8}\.\d{1,15}\.\d{1,15}$/;

/** By how much processes may differ in when they see a change: their clocks, and how long a notification takes. */
const APART_MS = 30_000;

/** Without a sync for this long a user is offline: longer than the longest poll and the interval of renewals together. */
const OFFLINE_AFTER_MS = 240_000;
/** Servers repeat that a user is still there after 25 minutes. */
const REMOTE_OFFLINE_AFTER_MS = 35 * 60_000;
/** How often the other processes are told that a user is still there. */
const RENEW_AFTER_MS = 100_000;
const FORGET_AFTER_MS = 24 * 60 * 60 * 1000;
const SWEEP_MS = 5_000;
/** Whoever did something within this time is called active. */
const ACTIVE_MS = 300_000;
/** A notification has room for less than 8,000 bytes; one entry has at most about 3,500. */
const NOTIFICATION_BYTES = 4_000;

/** What has been said of a user. */
interface Said {
  readonly presence: PresenceState;
  readonly statusMsg?: string | undefined;
  /** In milliseconds since 1970, to tell what is newer between processes. For how long it lasts it does not count: clocks jump. */
  readonly saidAt: number;
  /** By another server. */
  readonly isRemote?: boolean;
}

interface Entry extends Said {
  /** When the user last did something, and when a client of theirs last synced or their server said this: monotonic milliseconds. */
  readonly activeAt: number;
  readonly syncedAt: number;
}

/** As processes tell it to one another. */
interface ToldEntry extends Said {
  readonly activeAgoMs: number;
  readonly syncedAgoMs: number;
}

interface Known {
  readonly entry: Entry;
  /** Of the last change that shows. */
  readonly serial: number;
  /** When this process saw it, in milliseconds since 1970. */
  readonly changedAt: number;
}

function presenceContent(shown: ShownPresence): JsonObject {
  return {
    presence: shown.presence,
    last_active_ago: shown.lastActiveAgoMs,
    ...(shown.presence === 'online' ? { currently_active: shown.lastActiveAgoMs < ACTIVE_MS } : {}),
    ...(shown.statusMsg === undefined ? {} : { status_msg: shown.statusMsg }),
  };
}

export async function openPresence(
  db: Database,
  follower: Pick<LogFollower, 'onMessage'>,
  clock: Clock,
  onError: (error: unknown) => void,
): Promise<Presence> {
  const picture = new Picture(clock);
  /** Users whose clients use this process: it speaks for them when another one asks. */
  const own = new Set<UserId>();
  const renewed = new Set<UserId>();
  /** Marks what this process said: it comes back when the picture here may already be newer. */
  const me = randomBytes(4).toString('hex');

  /** Tells all other processes what is known here of some users. */
  async function tell(users: Iterable<UserId>): Promise<void> {
    let texts: string[] = [];
    let bytes = 0;
    const send = async () => {
      if (texts.length > 0) await notify(db, PRESENCE_CHANNEL, `["${me}",${texts.join()}]`);
      texts = [];
      bytes = 0;
    };
    for (const userId of users) {
      const told = picture.tell(userId);
      if (told === undefined) continue;
      const text = JSON.stringify([userId, told]);
      texts.push(text);
      bytes += Buffer.byteLength(text);
      if (bytes > NOTIFICATION_BYTES) await send();
    }
    await send();
  }

  follower.onMessage(PRESENCE_CHANNEL, (payload) => {
    if (payload === 'ask') {
      tell(own).catch(onError);
      return;
    }
    const [sender, ...entries] = JSON.parse(payload) as [string, ...[UserId, ToldEntry][]];
    if (sender !== me) for (const [userId, entry] of entries) picture.hear(userId, entry);
  });
  await notify(db, PRESENCE_CHANNEL, 'ask');

  const sweep = setInterval(() => {
    for (const userId of picture.runOut()) own.delete(userId);
    const users = [...renewed];
    renewed.clear();
    tell(users).catch(onError);
  }, SWEEP_MS);
  sweep.unref();

  return {
    of: (userId) => picture.show(userId),
    contentOf(userId) {
      const shown = picture.show(userId);
      return shown && presenceContent(shown);
    },
    users: () => picture.users(),

    async set(userId, presence, statusMsg) {
      own.add(userId);
      const now = clock.monotonic();
      // At once for this process, so that the client that made the change reads it back.
      picture.put(userId, { presence, statusMsg, saidAt: clock.now(), activeAt: now, syncedAt: now });
      await tell([userId]);
    },

    async hear(userId, { presence, statusMsg, lastActiveAgoMs }) {
      own.add(userId);
      const now = clock.monotonic();
      const activeAt = now - lastActiveAgoMs;
      picture.put(userId, { presence, statusMsg, saidAt: clock.now(), activeAt, syncedAt: now, isRemote: true });
      await tell([userId]);
    },

    async syncing(userId, presence) {
      if (presence === 'offline') return;
      own.add(userId);
      const now = clock.monotonic();
      const entry = picture.find(userId);
      const isSame = entry !== undefined && picture.show(userId)?.presence === presence;
      if (isSame && now - entry.syncedAt < RENEW_AFTER_MS) return;
      picture.put(userId, {
        presence,
        statusMsg: entry?.statusMsg,
        saidAt: clock.now(),
        activeAt: isSame ? entry.activeAt : now,
        syncedAt: now,
      });
      if (isSame) renewed.add(userId);
      else await tell([userId]);
    },

    changedSince: (token) => picture.changedSince(token),
    token: () => picture.token(),
    onChange: (listener) => picture.onChange(listener),
    stop: () => clearInterval(sweep),
  };
}

/**
 * What this process knows, and in which order its clients could have seen it change. Serials count the changes that this
 * process has seen; to other processes a token says when the newest of them was.
 */
class Picture {
  readonly #clock: Clock;
  readonly #users = new Map<UserId, Known>();
  readonly #epoch = randomBytes(4).toString('hex');
  readonly #listeners = new Set<(userId: UserId) => void>();
  #serial = 0;
  #newestAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  find(userId: UserId): Entry | undefined {
    return this.#users.get(userId)?.entry;
  }

  /** What other processes are told of a user. */
  tell(userId: UserId): ToldEntry | undefined {
    const entry = this.find(userId);
    if (entry === undefined) return undefined;
    const { activeAt, syncedAt, ...said } = entry;
    const now = this.#clock.monotonic();
    return { ...said, activeAgoMs: now - activeAt, syncedAgoMs: now - syncedAt };
  }

  users(): UserId[] {
    return [...this.#users.keys()];
  }

  put(userId: UserId, entry: Entry): void {
    const before = this.#users.get(userId);
    const isSame = this.#state(before?.entry) === this.#state(entry) && before?.entry.statusMsg === entry.statusMsg;
    if (isSame && before !== undefined) this.#users.set(userId, { ...before, entry });
    else this.#change(userId, entry);
  }

  /** Takes what another process said, unless what is known here happened while that was on its way. */
  hear(userId: UserId, { activeAgoMs, syncedAgoMs, ...said }: ToldEntry): void {
    const newerByMs = (this.find(userId)?.saidAt ?? 0) - said.saidAt;
    // Newer by more than that it is only to a clock that was wrong.
    if (newerByMs > 0 && newerByMs <= APART_MS) return;
    const now = this.#clock.monotonic();
    this.put(userId, { ...said, activeAt: now - activeAgoMs, syncedAt: now - syncedAgoMs });
  }

  onChange(listener: (userId: UserId) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #change(userId: UserId, entry: Entry): void {
    this.#serial += 1;
    this.#newestAt = this.#clock.now();
    this.#users.set(userId, { entry, serial: this.#serial, changedAt: this.#newestAt });
    for (const listener of this.#listeners) listener(userId);
  }

  show(userId: UserId): ShownPresence | undefined {
    const entry = this.find(userId);
    if (entry === undefined) return undefined;
    return {
      presence: this.#state(entry),
      statusMsg: entry.statusMsg,
      lastActiveAgoMs: Math.max(0, Math.floor(this.#clock.monotonic() - entry.activeAt)),
    };
  }

  /** Notices who has gone offline by silence, and answers who has been forgotten. */
  runOut(): UserId[] {
    const forgotten: UserId[] = [];
    for (const [userId, { entry }] of this.#users) {
      if (this.#clock.monotonic() - entry.syncedAt > FORGET_AFTER_MS) {
        this.#users.delete(userId);
        forgotten.push(userId);
      } else if (entry.presence !== 'offline' && this.#state(entry) === 'offline')
        this.#change(userId, { ...entry, presence: 'offline' });
    }
    return forgotten;
  }

  changedSince(token: string | undefined): UserId[] {
    const [epoch, serial, newestAt] = token?.split('.') ?? [];
    // Only the serials of this process say what is new whatever its clock does; a time that has not come was of a wrong clock.
    const isUseless = epoch !== this.#epoch && Number(newestAt) > this.#clock.now() + APART_MS;
    const isNews = (known: Known): boolean => {
      if (token === undefined) return this.#state(known.entry) !== 'offline';
      if (isUseless) return true;
      return epoch === this.#epoch ? known.serial > Number(serial) : known.changedAt > Number(newestAt) - APART_MS;
    };
    return [...this.#users].flatMap(([userId, known]) => (isNews(known) ? [userId] : []));
  }

  token(): string {
    return `${this.#epoch}.${this.#serial}.${this.#newestAt}`;
  }

  #state(entry: Entry | undefined): PresenceState {
    if (entry === undefined) return 'offline';
    const lastsMs = entry.isRemote === true ? REMOTE_OFFLINE_AFTER_MS : OFFLINE_AFTER_MS;
    return this.#clock.monotonic() - entry.syncedAt > lastsMs ? 'offline' : entry.presence;
  }
}
