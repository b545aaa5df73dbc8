import type { Clock } from '../base/clock.ts';
import { Limiter } from '../base/limiter.ts';
import type { Logger } from '../base/logger.ts';
import { Pace } from '../base/pace.ts';
import type { DestinationBackoff } from '../federation/destination-backoff.ts';
import type { FederationClient } from '../federation/federation-client.ts';
import type { ServerName, UserId } from '../protocol/event.ts';
import { serverNameOf } from '../protocol/identifiers.ts';
import type { Database } from '../storage/database.ts';
import { RECOVERY_CHANNEL } from '../storage/destinations.ts';
import { lastDeviceChanges, serversSharingWith } from '../storage/device-list-queue.ts';
import { destinationsBehind, localAmong, remoteServers } from '../storage/federation-queue.ts';
import type { LogFollower, LogRow } from '../storage/log-follower.ts';
import { allOutgoingServers, outgoingServersAt } from '../storage/to-device-outbox.ts';
import { DestinationQueue, type QueueParts } from './destination-queue.ts';
import { LogNews } from './log-news.ts';
import { PresenceRounds, type PresenceSource } from './presence-rounds.ts';
import { ShardLocks } from './shard-locks.ts';

const CONCURRENT_TRANSACTIONS = 512;
/** To servers that failed lately: however many of them hang, they take nothing from the others. */
const CONCURRENT_RETRIES = 64;
/** Ten thousand dead servers are tried again as fast as this, in ten minutes all of them, whatever the wait of each would be. */
const RETRY_INTERVAL_MS = 60;
/** Receipts that come within this time go out together. */
const RECEIPT_DELAY_MS = 250;
/** Others forget who is typing after about a minute, so whoever goes on typing is named again. */
const TYPING_RENEWAL_MS = 30_000;
const TYPING_LOOK_MS = 5_000;
/** How long it is believed whether anybody from elsewhere is in a room, unless a membership changes. */
const ROOM_MS = 60_000;
const ROOMS_REMEMBERED = 100_000;
const RETRY_MS = 1_000;
/** Queues that look into the database at a time: ten thousand of them must not keep clients from it. */
const CONCURRENT_LOOKS = 8;

/** Who is typing: what `rooms/typing.ts` knows. */
export interface TypingSource {
  isTyping(roomNid: number, userId: UserId): boolean;
  onChange(listener: (roomNid: number, userId: UserId, isTyping: boolean) => void): () => void;
}

export interface FederationSenderOptions {
  readonly db: Database;
  readonly serverName: ServerName;
  readonly follower: LogFollower;
  readonly typing: TypingSource;
  readonly presence: PresenceSource;
  readonly client: FederationClient;
  readonly backoff: DestinationBackoff;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
}

/**
 * Sends events, receipts, messages to devices, typing notifications and presence of our users to the other servers in their
 * rooms. It reads the log and nobody tells it anything; each destination goes on from its own position, also after a crash or in
 * another process.
 */
export class FederationSender {
  readonly #options: FederationSenderOptions;
  readonly #locks: ShardLocks;
  readonly #queueParts: QueueParts;
  readonly #queues = new Map<ServerName, DestinationQueue>();
  readonly #presence: PresenceRounds;
  readonly #stopListening: (() => void)[] = [];
  #news = new LogNews();
  /** Rooms with receipts, and the position of the first of them. */
  readonly #receiptRooms = new Map<number, number>();
  /** Whether nobody from elsewhere is in a room, and when that was seen, in monotonic milliseconds. */
  readonly #rooms = new Map<number, { isLocal: boolean; seenAt: number }>();
  /** Users who are typing and when that was last said, in monotonic milliseconds. */
  readonly #typing = new Map<string, { roomNid: number; userId: UserId; saidAt: number }>();
  #looking: Promise<void> | undefined;
  #receiptTimer: NodeJS.Timeout | undefined;
  #typingTimer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: FederationSenderOptions) {
    this.#options = options;
    const { db, serverName, presence, client, backoff, follower, clock, random, logger } = options;
    this.#queueParts = {
      db,
      serverName,
      client,
      backoff,
      owns: (server) => this.#locks.owns(server),
      logPosition: () => follower.position(),
      presenceOf: (userId) => presence.contentOf(userId),
      reading: new Limiter(CONCURRENT_LOOKS),
      working: new Limiter(CONCURRENT_TRANSACTIONS),
      failing: new Limiter(CONCURRENT_RETRIES),
      retries: new Pace(RETRY_INTERVAL_MS, clock),
      random,
      logger,
    };
    this.#locks = new ShardLocks(db, (gained) => this.#onGained(gained), this.#onError);
    const tell = (server: ServerName, users: readonly UserId[]) => this.#queueOf(server)?.addPresence(users) === true;
    this.#presence = new PresenceRounds({ db, serverName, presence, tell, clock, onError: this.#onError });
  }

  async start(): Promise<void> {
    const { follower, typing } = this.#options;
    this.#stopListening.push(follower.onRows((rows) => this.#onRows(rows)));
    this.#stopListening.push(typing.onChange((room, user, isTyping) => this.#onTyping(room, user, isTyping)));
    follower.onMessage(RECOVERY_CHANNEL, (server) => {
      this.#queues.get(server)?.wakeNow();
      this.#presence.hasReturned(server);
    });
    this.#presence.start();
    this.#typingTimer = setInterval(() => this.#renewTyping(), TYPING_LOOK_MS);
    await this.#locks.start();
  }

  /** Waits for the transactions that are under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const stop of this.#stopListening) stop();
    clearInterval(this.#typingTimer);
    clearTimeout(this.#receiptTimer);
    await this.#presence.stop();
    await Promise.all([...this.#queues.values()].map((queue) => queue.stop()));
    await this.#looking;
    await this.#locks.stop();
  }

  readonly #onError = (error: unknown) =>
    this.#options.logger.error({ err: error }, 'Looking for what other servers must get failed');

  #run(work: () => Promise<void>): void {
    if (!this.#stopped) work().catch(this.#onError);
  }

  #onGained(gained: (server: ServerName) => boolean): void {
    for (const [server, queue] of this.#queues) if (gained(server)) queue.takeOver();
    this.#run(async () => {
      const { db, serverName, backoff } = this.#options;
      const outages = await backoff.outages();
      for (const server of await destinationsBehind(db, serverName, null)) {
        if (!gained(server)) continue;
        const outage = outages.get(server);
        if (outage === undefined) this.#queueOf(server)?.wake();
        else this.#queueOf(server)?.wakeLater(outage.waitMs);
      }
      for (const server of await allOutgoingServers(db)) if (gained(server)) this.#queueOf(server)?.addToDevice();
      const changed = (await lastDeviceChanges(db)).filter((userId) => this.#isOurs(userId));
      for (const server of await serversSharingWith(db, serverName, changed))
        if (gained(server)) this.#queueOf(server)?.addDeviceLists(this.#options.follower.position());
    });
  }

  /** Whether nobody from elsewhere is in the room; undefined when that has to be looked up. */
  #isLocal(roomNid: number): boolean | undefined {
    const room = this.#rooms.get(roomNid);
    return room === undefined || this.#options.clock.monotonic() - room.seenAt > ROOM_MS ? undefined : room.isLocal;
  }

  /** The queue of a destination that this process serves. */
  #queueOf(server: ServerName): DestinationQueue | undefined {
    if (this.#stopped || !this.#locks.owns(server)) return undefined;
    let queue = this.#queues.get(server);
    if (queue === undefined) {
      queue = new DestinationQueue(this.#queueParts, server);
      this.#queues.set(server, queue);
    }
    return queue;
  }

  #onRows(rows: readonly LogRow[]): void {
    for (const row of rows) {
      const { position, kind, roomNid, userId } = row;
      const isOurs = this.#isOurs(userId);
      if (kind === 'to_device' && userId === null) this.#news.toDevice.add(position);
      else if (kind === 'device_list' && isOurs) setFirst(this.#news.deviceLists, userId ?? '', position);
      else if (kind === 'event' && roomNid !== null) this.#onEvent(row, roomNid);
      else if (kind === 'receipt' && roomNid !== null && isOurs && !this.#isLocal(roomNid)) {
        setFirst(this.#receiptRooms, roomNid, position);
        this.#receiptTimer ??= setTimeout(() => {
          this.#receiptTimer = undefined;
          this.#run(() => this.#wakeForReceipts());
        }, RECEIPT_DELAY_MS);
      }
    }
    if (!this.#news.isEmpty) this.#look();
  }

  /** @param row with the user whose membership the event changed, where it did */
  #onEvent({ position, userId, ref }: LogRow, roomNid: number): void {
    if (userId !== null) {
      this.#rooms.delete(roomNid);
      this.#presence.membershipChanged(roomNid, position);
    }
    if (userId !== null && ref !== null && !this.#isOurs(userId))
      this.#news.members.set(ref, serverNameOf(userId as UserId));
    if (this.#isLocal(roomNid)) return;
    this.#news.rooms.add(roomNid);
    if (this.#isOurs(userId)) setFirst(this.#news.roomsOfOurs, roomNid, position);
  }

  #isOurs(userId: string | null): boolean {
    return userId !== null && serverNameOf(userId as UserId) === this.#options.serverName;
  }

  /** One look at a time: what changes meanwhile is looked at together. */
  #look(): void {
    if (this.#looking !== undefined || this.#stopped) return;
    const news = this.#news;
    this.#news = new LogNews();
    let pauseMs = 0;
    this.#looking = this.#wakeFor(news)
      .catch((error: unknown) => {
        // Postgres is away: the same is looked at again.
        this.#news.takeBack(news);
        pauseMs = RETRY_MS;
        this.#onError(error);
      })
      .finally(() => {
        this.#looking = undefined;
        if (!this.#news.isEmpty) setTimeout(() => this.#look(), pauseMs);
      });
  }

  async #wakeFor({ rooms, members, roomsOfOurs, deviceLists, toDevice }: LogNews): Promise<void> {
    const { db, serverName } = this.#options;
    if (rooms.size > 0) await this.#wakeForEvents([...rooms], members);
    if (toDevice.size > 0)
      for (const server of await outgoingServersAt(db, [...toDevice])) this.#queueOf(server)?.addToDevice();
    if (roomsOfOurs.size > 0) {
      const first = Math.min(...roomsOfOurs.values());
      for (const { server } of await remoteServers(db, serverName, [...roomsOfOurs.keys()]))
        this.#queueOf(server)?.addDeviceLists(first);
    }
    if (deviceLists.size > 0) {
      const first = Math.min(...deviceLists.values());
      for (const server of await serversSharingWith(db, serverName, [...deviceLists.keys()]))
        this.#queueOf(server)?.addDeviceLists(first);
    }
  }

  async #wakeForEvents(rooms: readonly number[], members: ReadonlyMap<number, ServerName>): Promise<void> {
    const { db, serverName, clock } = this.#options;
    for (const server of await destinationsBehind(db, serverName, rooms)) this.#queueOf(server)?.wake();
    // The server of somebody whom we have removed need not be in the room, and has to know.
    for (const nid of await localAmong(db, [...members.keys()])) this.#queueOf(members.get(nid) ?? '')?.wake();
    const unknown = rooms.filter((room) => this.#isLocal(room) === undefined);
    if (unknown.length === 0) return;
    const seenAt = clock.monotonic();
    const shared = new Set((await remoteServers(db, serverName, unknown)).map(({ roomNid }) => roomNid));
    if (this.#rooms.size > ROOMS_REMEMBERED) this.#rooms.clear();
    for (const room of unknown)
      if (!this.#news.rooms.has(room)) this.#rooms.set(room, { isLocal: !shared.has(room), seenAt });
  }

  async #wakeForReceipts(): Promise<void> {
    const rooms = new Map(this.#receiptRooms);
    this.#receiptRooms.clear();
    const { db, serverName } = this.#options;
    for (const { roomNid, server } of await remoteServers(db, serverName, [...rooms.keys()]))
      this.#queueOf(server)?.addReceipt(roomNid, rooms.get(roomNid) ?? 0);
  }

  #onTyping(roomNid: number, userId: UserId, isTyping: boolean): void {
    if (!this.#isOurs(userId)) return;
    const key = JSON.stringify([roomNid, userId]);
    if (isTyping) this.#typing.set(key, { roomNid, userId, saidAt: this.#options.clock.monotonic() });
    else this.#typing.delete(key);
    if (!this.#isLocal(roomNid) && this.#locks.ownsAny()) this.#run(() => this.#tell(roomNid, userId, isTyping));
  }

  async #tell(roomNid: number, userId: UserId, isTyping: boolean): Promise<void> {
    const { db, serverName } = this.#options;
    for (const { roomId, server } of await remoteServers(db, serverName, [roomNid]))
      this.#queueOf(server)?.addTyping(roomId, userId, isTyping);
  }

  #renewTyping(): void {
    const { typing, clock } = this.#options;
    for (const [key, entry] of this.#typing) {
      if (clock.monotonic() - entry.saidAt < TYPING_RENEWAL_MS) continue;
      if (typing.isTyping(entry.roomNid, entry.userId)) this.#onTyping(entry.roomNid, entry.userId, true);
      else this.#typing.delete(key);
    }
  }
}

/** Keeps the first position that is named for a key. */
function setFirst<K>(positions: Map<K, number>, key: K, position: number): void {
  if (!positions.has(key)) positions.set(key, position);
}
