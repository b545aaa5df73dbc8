import { setImmediate } from 'node:timers/promises';
import { Limiter } from '../base/limiter.ts';
import { LruCache } from '../base/lru-cache.ts';
import { unavailable } from '../protocol/errors.ts';
import type { RoomId } from '../protocol/event.ts';
import type { Database, Transaction } from '../storage/database.ts';
import type { LogRow } from '../storage/log-follower.ts';
import { isStale } from '../storage/messages.ts';
import { insertRoom, type RoomHeadRow, roomHead } from '../storage/rooms.ts';
import { OpenRoom } from './open-room.ts';
import { type Persisted, persist, persistMessages, sendAside } from './persist.ts';
import { AwaitsPolicyServer } from './policy-server.ts';
import { acceptSigned, signByPolicyServer } from './policy-signatures.ts';
import type { RoomParts } from './room-parts.ts';
import {
  isAway,
  type LockedRooms,
  lockAndFind,
  type Outcome,
  type RoomWork,
  refuseUnknownToken,
  runJob,
  settle,
  tokensOf,
  type WriteJob,
  type WriteRequest,
} from './write-job.ts';

/** Jobs in one transaction at most. */
const BATCH = 128;
/**
 * Transactions of single rooms at a time. Each holds a connection while it reads over others: without a limit they could hold
 * all of the pool and wait for each other.
 */
const MOST_ALONE = 6;
/** Beyond this many waiting jobs new ones are refused with 503: the database does not keep up. */
const MAX_WAITING = 5_000;
/** Heads kept in memory. */
const REMEMBERED_HEADS = 10_000;
/** After somebody else has written to a room, so many of our transactions ask for its head. */
const ASKS_AFTER_CHANGE = 50;

/**
 * Runs all writing to rooms. Work of many requests shares one transaction (group commit), so that the cost of a commit and
 * the lock on the log are paid once for all of them; a promise resolves only after the commit.
 */
export class RoomWriter {
  readonly #db: Database;
  readonly #partsOf: () => RoomParts;
  readonly #queue: WriteJob[] = [];
  readonly #alone = new Limiter(MOST_ALONE);
  /** Heads as our last transactions left them: a guess as soon as there are other processes. */
  readonly #heads = new LruCache<number, RoomHeadRow>(REMEMBERED_HEADS);
  /** Rooms that others write to, with how many more times we shall ask for their heads. */
  readonly #contended = new LruCache<number, number>(REMEMBERED_HEADS);
  #arrived = () => {};
  #running = false;

  constructor(db: Database, partsOf: () => RoomParts) {
    this.#db = db;
    this.#partsOf = partsOf;
  }

  /**
   * Runs `work` on the room, in the order of the calls, and answers what it returned once that is durable.
   *
   * @throws MatrixError M_UNKNOWN_TOKEN when the request's access token has ended
   */
  write<T>(roomNid: number, work: RoomWork<T>, request?: WriteRequest): Promise<T | { eventId: string }> {
    return this.#write(roomNid, work, request, false);
  }

  /** The same for work that asks nothing but the room that it gets: it may run on top of what is about to be written. */
  writeMessage<T>(roomNid: number, work: RoomWork<T>, request: WriteRequest): Promise<T | { eventId: string }> {
    return this.#write(roomNid, work, request, true);
  }

  async #write<T>(
    roomNid: number,
    work: RoomWork<T>,
    request: WriteRequest | undefined,
    mayRunAhead: boolean,
  ): Promise<T | { eventId: string }> {
    try {
      return await this.#enqueue(roomNid, work, request, mayRunAhead);
    } catch (error) {
      if (!(error instanceof AwaitsPolicyServer)) throw error;
      return await this.#writeSigned(roomNid, error, request);
    }
  }

  /** Goes on with an event that the policy server of the room has to sign, while others may write to the room. */
  async #writeSigned(
    roomNid: number,
    awaiting: AwaitsPolicyServer,
    request: WriteRequest | undefined,
  ): Promise<{ eventId: string }> {
    const parts = this.#partsOf();
    const { version } = await this.peek(roomNid);
    const signed = await signByPolicyServer(parts, version, awaiting);
    const work = (open: OpenRoom) => acceptSigned(parts, open, signed, awaiting.origin);
    return await this.#writeAlone(roomNid, work, request);
  }

  #enqueue<T>(
    roomNid: number,
    work: RoomWork<T>,
    request: WriteRequest | undefined,
    mayRunAhead: boolean,
  ): Promise<T | { eventId: string }> {
    return new Promise((resolve, reject) => {
      if (this.#queue.length >= MAX_WAITING) {
        reject(unavailable('The server has too much to write at the moment. Try again soon.'));
        return;
      }
      this.#queue.push({ roomNid, work, request, mayRunAhead, resolve: resolve as WriteJob['resolve'], reject });
      this.#arrived();
      if (!this.#running) void this.#run();
    });
  }

  /** The same in a transaction of its own, for work that is long or loads much. */
  writeAlone<T>(roomNid: number, work: RoomWork<T>): Promise<T> {
    return this.#writeAlone(roomNid, work, undefined);
  }

  /** The same for work that adds whole rooms: Postgres is at work on what has been added while the work adds more. */
  writeLarge<T>(roomNid: number, work: RoomWork<T>): Promise<T> {
    return this.#writeAlone(roomNid, work, undefined, true);
  }

  #writeAlone<T>(roomNid: number, work: RoomWork<T>, request: WriteRequest | undefined, isLarge = false): Promise<T> {
    const job = { roomNid, work, request, mayRunAhead: false, isLarge };
    return new Promise((resolve, reject) => {
      void this.#runAlone([{ ...job, resolve: resolve as WriteJob['resolve'], reject }]);
    });
  }

  /**
   * Makes a room and runs `work` on it, in one transaction: there is the whole room or nothing of it.
   *
   * @returns false, and `work` has not run, where there is a room of this id already
   */
  async writeNew(roomId: RoomId, version: string, work: RoomWork<void>): Promise<boolean> {
    const write = async (tx: Transaction) => {
      const head = await insertRoom(tx, roomId, version);
      if (head === undefined) return undefined;
      const room = await OpenRoom.open(this.#partsOf(), head);
      await work(room);
      return { room, persisted: await persist(tx, [room], this.#partsOf().follower.origin) };
    };
    const done = await this.#alone.run(() => this.#db.transaction(write));
    if (done === undefined) return false;
    this.#announce([done.room], await done.persisted());
    return true;
  }

  /** The room as it is now, without a lock: for questions, never to write from. */
  async peek(roomNid: number): Promise<OpenRoom> {
    const head = await roomHead(this.#db, roomNid);
    if (head === undefined) throw new Error(`room ${roomNid} has no row`);
    return await OpenRoom.open(this.#partsOf(), head);
  }

  /**
   * While Postgres is at work on a transaction, the messages that arrive are built on top of what it writes. They follow when it
   * is done, and not before: what a transaction costs by itself is shared by all that have come meanwhile.
   */
  async #run(): Promise<void> {
    this.#running = true;
    let underWay: Ahead | undefined;
    let answers: readonly Outcome[] = [];
    while (underWay !== undefined || answers.length > 0 || this.#queue.length > 0) {
      // Requests that have arrived already come along: a large transaction costs little more than a small one. And those of the
      // transaction before get their answers while Postgres is at work on this one.
      await setImmediate();
      settle(answers);
      answers = [];
      const next = await this.#prepare(underWay);
      const done = underWay;
      underWay = undefined;
      if (done?.isWritten === false) {
        // What rests on a transaction that has failed cannot be written either.
        this.#queue.unshift(...done.jobs, ...next.jobs);
      } else {
        answers = done?.outcomes ?? [];
        if (next.jobs.length > 0) underWay = this.#writeAhead(next);
      }
      if (underWay === undefined && answers.length === 0 && this.#queue.length > 0)
        await this.#runBatch(this.#queue.splice(0, BATCH));
    }
    this.#running = false;
  }

  /**
   * Runs the jobs at the front of the queue that can run ahead, and, until the transaction under way is done, those that come.
   */
  async #prepare(underWay: Ahead | undefined): Promise<Ahead> {
    const next = newAhead();
    for (;;) {
      await this.#runAhead(next, underWay);
      if (underWay === undefined || underWay.isWritten !== undefined) return next;
      const { promise: arrival, resolve } = Promise.withResolvers<void>();
      this.#arrived = resolve;
      await Promise.race([arrival, underWay.done]);
    }
  }

  async #runAhead(next: Ahead, underWay: Ahead | undefined): Promise<void> {
    while (next.jobs.length < BATCH) {
      const [job] = this.#queue;
      if (job === undefined || !job.mayRunAhead) return;
      const outcome = await this.#runOneAhead(job, next, underWay);
      if (outcome === undefined || 'error' in outcome) {
        // It may have been answered before, or the room may have changed: that is for the locked room to say.
        job.mayRunAhead = false;
        return;
      }
      this.#queue.shift();
      next.jobs.push(job);
      next.outcomes.push(outcome);
    }
  }

  async #runOneAhead(job: WriteJob, next: Ahead, underWay: Ahead | undefined): Promise<Outcome | undefined> {
    try {
      const room = next.rooms.get(job.roomNid) ?? (await this.#openAhead(job.roomNid, underWay));
      if (room === undefined) return undefined;
      next.rooms.set(job.roomNid, room);
      return await runJob(room, job, next.earlier);
    } catch {
      return undefined;
    }
  }

  /** The room as we know it, if we do. */
  async #openAhead(nid: number, underWay: Ahead | undefined): Promise<OpenRoom | undefined> {
    const before = underWay?.rooms.get(nid);
    if (before !== undefined) return before.continued();
    const head = this.#heads.get(nid);
    return head === undefined ? undefined : await OpenRoom.open(this.#partsOf(), head);
  }

  /**
   * Begins to write what ran ahead, in one round trip: the transaction fails if one of the rooms has another head than we
   * thought, or if an access token has ended. Then its jobs are to be run on the locked rooms.
   */
  #writeAhead(ahead: Ahead): Ahead {
    ahead.done = this.#persistAhead(ahead).then((isWritten) => {
      ahead.isWritten = isWritten;
    });
    return ahead;
  }

  async #persistAhead(ahead: Ahead): Promise<boolean> {
    const rooms = [...ahead.rooms.values()];
    try {
      const persisted = await persistMessages(this.#db, rooms, tokensOf(ahead.jobs), this.#partsOf().follower.origin);
      this.#announce(rooms, persisted);
      return true;
    } catch (error) {
      for (const nid of ahead.rooms.keys()) {
        this.#heads.delete(nid);
        if (isStale(error)) this.#contended.set(nid, ASKS_AFTER_CHANGE);
      }
      for (const job of ahead.jobs) job.mayRunAhead = false;
      return false;
    }
  }

  async #runBatch(jobs: readonly WriteJob[]): Promise<void> {
    try {
      settle(await this.#runLocked(jobs));
    } catch (error) {
      await this.#runApart(jobs, error);
    }
  }

  async #runLocked(jobs: readonly WriteJob[]): Promise<Outcome[]> {
    const nids = [...new Set(jobs.map((job) => job.roomNid))];
    let left: readonly WriteJob[] = [];
    const done = await this.#db.transaction(async (tx) => {
      const locked = await lockAndFind(tx, jobs, nids, false);
      const open = new Set(locked.heads.map((head) => head.nid));
      left = jobs.filter((job) => !open.has(job.roomNid));
      const ready = jobs.filter((job) => open.has(job.roomNid));
      return await this.#runJobs(tx, locked, ready);
    });
    this.#announce(done.rooms, await done.persisted());
    // Another transaction holds these rooms. They wait for it on a connection of their own, so that nobody else waits.
    for (const nid of new Set(left.map((job) => job.roomNid)))
      void this.#runAlone(left.filter((job) => job.roomNid === nid));
    return done.outcomes;
  }

  async #runAlone(jobs: readonly WriteJob[]): Promise<void> {
    try {
      const nid = jobs[0]?.roomNid ?? 0;
      const write = async (tx: Transaction) => {
        const locked = await lockAndFind(tx, jobs, [nid], true);
        if (locked.heads.length === 0) throw new Error(`room ${nid} has no row`);
        return await this.#runJobs(tx, locked, jobs);
      };
      const done = await this.#alone.run(() => this.#db.transaction(write));
      this.#announce(done.rooms, await done.persisted());
      settle(done.outcomes);
    } catch (error) {
      await this.#runApart(jobs, error);
    }
  }

  /** After a failed transaction: one of several jobs may be what Postgres refused, so each gets to prove itself alone. */
  async #runApart(jobs: readonly WriteJob[], error: unknown): Promise<void> {
    if (jobs.length === 1 || isAway(error)) for (const job of jobs) job.reject(error);
    else for (const job of jobs) await this.#runAlone([job]);
  }

  async #runJobs(tx: Transaction, locked: LockedRooms, jobs: readonly WriteJob[]): Promise<Ran> {
    const rooms = new Map<number, OpenRoom>();
    for (const head of locked.heads) rooms.set(head.nid, await OpenRoom.open(this.#partsOf(), head));
    const outcomes: Outcome[] = [];
    for (const job of jobs) {
      const room = rooms.get(job.roomNid);
      if (room !== undefined && job.isLarge) room.sendAside = () => sendAside(tx, room);
      if (room !== undefined)
        outcomes.push(refuseUnknownToken(job, locked) ?? (await runJob(room, job, locked.earlier)));
    }
    const opened = [...rooms.values()];
    return { rooms: opened, outcomes, persisted: await persist(tx, opened, this.#partsOf().follower.origin) };
  }

  #rememberHead(head: RoomHeadRow): void {
    const asks = this.#contended.get(head.nid) ?? 0;
    if (asks > 0) this.#contended.set(head.nid, asks - 1);
    else this.#heads.set(head.nid, head);
  }

  /** After the commit: what the caches and the readers of the log need not read back. */
  #announce(rooms: readonly OpenRoom[], persisted: readonly Persisted[]): void {
    const parts = this.#partsOf();
    for (const room of rooms) this.#rememberHead(room.head());
    for (const room of new Set(persisted.map((event) => event.room)))
      for (const snapshot of room.newSnapshots) parts.snapshots.remember(snapshot);
    for (const event of persisted) parts.events.remember(event.stored);
    if (persisted.length === 0) return;
    parts.follower.offer(persisted.map(toLogRow));
  }
}

/** Jobs that have run on locked rooms, and what they have written once the transaction has committed. */
interface Ran {
  readonly rooms: readonly OpenRoom[];
  readonly outcomes: Outcome[];
  readonly persisted: () => Promise<Persisted[]>;
}

/** Jobs that have run on top of what we think is in the database, or soon will be. */
interface Ahead {
  readonly rooms: Map<number, OpenRoom>;
  readonly jobs: WriteJob[];
  readonly outcomes: Outcome[];
  /** As in `LockedRooms`: of these jobs only. */
  readonly earlier: Map<string, string>;
  /** Resolves when Postgres has answered. */
  done: Promise<void>;
  /** Whether they have been written; undefined until Postgres has answered. */
  isWritten: boolean | undefined;
}

function newAhead(): Ahead {
  return {
    rooms: new Map(),
    jobs: [],
    outcomes: [],
    earlier: new Map(),
    done: Promise.resolve(),
    isWritten: undefined,
  };
}

function toLogRow({ added, room, position }: Persisted): LogRow {
  const { pdu } = added.event;
  const userId = pdu.type === 'm.room.member' ? (pdu.state_key ?? null) : null;
  return { position, kind: 'event', roomNid: room.room.nid, userId, ref: added.nid };
}
