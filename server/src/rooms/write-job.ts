import { unknownToken } from '../protocol/errors.ts';
import { findUsableTokens } from '../storage/access-tokens.ts';
import { findTransactions } from '../storage/client-transactions.ts';
import { isDatabaseAway, type Transaction } from '../storage/database.ts';
import { lockHeads, type RoomHeadRow } from '../storage/rooms.ts';
import type { OpenRoom } from './open-room.ts';

/** Adds events to a room that is locked and open. What it throws undoes its own additions only. */
export type RoomWork<T> = (room: OpenRoom) => Promise<T>;

/** The request for whose sake a room is written to. */
export interface WriteRequest {
  /** Answers the earlier event id without running the work if this key has led to one. */
  readonly transactionKey: Buffer;
  /** Row id of the access token that it came with, if any. It fails with `M_UNKNOWN_TOKEN` if that is good no more. */
  readonly tokenId: number | undefined;
}

/** Work that waits for its turn. */
export interface WriteJob {
  readonly roomNid: number;
  readonly work: RoomWork<unknown>;
  readonly request: WriteRequest | undefined;
  /** The work asks nothing but the room, so it need not wait until the room is locked. */
  mayRunAhead: boolean;
  /** What the work adds may be sent to Postgres before it is through: it has its transaction to itself. */
  readonly isLarge?: boolean;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export type Outcome =
  | { readonly job: WriteJob; readonly value: unknown }
  | { readonly job: WriteJob; readonly error: unknown };

export interface LockedRooms {
  readonly heads: readonly RoomHeadRow[];
  /** Event ids that the jobs' transaction keys have led to before, by key in hex. */
  readonly earlier: Map<string, string>;
  /** Those of the jobs' access tokens that are good. */
  readonly tokens: ReadonlySet<number>;
}

/**
 * Locks the rooms, then looks for what requests with the same transaction keys have led to: such a request has by then either
 * committed or not begun. The statements travel together.
 */
export async function lockAndFind(
  tx: Transaction,
  jobs: readonly WriteJob[],
  nids: readonly number[],
  wait: boolean,
): Promise<LockedRooms> {
  const requests = jobs.flatMap((job) => job.request ?? []);
  const [heads, earlier, tokens] = await Promise.all([
    lockHeads(tx, nids, wait),
    findTransactions(
      tx,
      requests.map((request) => request.transactionKey),
    ),
    findUsableTokens(tx, tokensOf(jobs)),
  ]);
  return { heads, earlier, tokens };
}

/** The access tokens that the jobs came with, each once. */
export function tokensOf(jobs: readonly WriteJob[]): number[] {
  return [...new Set(jobs.flatMap((job) => job.request?.tokenId ?? []))];
}

/** Runs a job on its room, unless its request has been answered before. */
export async function runJob(room: OpenRoom, job: WriteJob, earlier: Map<string, string>): Promise<Outcome> {
  const key = job.request?.transactionKey.toString('hex');
  const eventId = key === undefined ? undefined : earlier.get(key);
  if (eventId !== undefined) return { job, value: { eventId } };
  const checkpoint = room.checkpoint();
  try {
    const value = await job.work(room);
    const made = room.added.length > checkpoint.added ? room.added.at(-1)?.event.eventId : undefined;
    if (job.request !== undefined && key !== undefined && made !== undefined) {
      room.transactions.push({ key: job.request.transactionKey, eventId: made });
      earlier.set(key, made); // The same request may stand twice in this batch.
    }
    return { job, value };
  } catch (error) {
    // What has been sent to Postgres goes with the transaction, which is this job's alone.
    if (isAway(error) || room.asideSent > 0) throw error;
    room.restore(checkpoint);
    return { job, error };
  }
}

/** Refuses a job whose access token has ended since its request was let in. */
export function refuseUnknownToken(job: WriteJob, { tokens }: LockedRooms): Outcome | undefined {
  const tokenId = job.request?.tokenId;
  if (tokenId === undefined || tokens.has(tokenId)) return undefined;
  return { job, error: unknownToken('The access token is not known.') };
}

/** Tells those who wait for the jobs. */
export function settle(outcomes: readonly Outcome[]): void {
  for (const outcome of outcomes) {
    if ('error' in outcome) outcome.job.reject(outcome.error);
    else outcome.job.resolve(outcome.value);
  }
}

/** Whether Postgres is away: either the driver's own error or what `storage/` makes of it. */
export function isAway(error: unknown): boolean {
  return isDatabaseAway(error) || (error instanceof Error && isDatabaseAway(error.cause));
}
