import {
  type AuthReach,
  authReach,
  authReachBelow,
  type ChainPlace,
  eventsInSpans,
  havePlaces,
} from '../storage/auth-chains.ts';
import type { Queryable } from '../storage/database.ts';

/** Events added in this transaction, with their auth events, by nid. */
export type AddedEvents = ReadonlyMap<number, { readonly authEvents: readonly number[] }>;

/** What stored events reach: `authReach`, or what remembers its answers, which never change. */
export type FindReach = (nids: readonly number[]) => Promise<AuthReach>;

/** What events reach by their auth events, themselves included. */
interface Reach {
  /** Of those that are not stored yet. */
  readonly added: ReadonlySet<number>;
  readonly stored: AuthReach;
}

/**
 * Auth difference of several states ("Room Version 2", "State resolution"): the events that some of the states have or rest
 * upon, but not all. A state event counts as part of its own auth chain, as it does on other servers. Read from the index of auth
 * chains, so that the cost does not depend on how long the chains are.
 *
 * @param added among the conflicted and shared events, or what these rest upon
 * @param conflicted for each state its events that are not the same in all of them
 * @param shared the events that all states have; asked for only if they can matter, because there may be many
 */
export async function authDifference(
  db: Queryable,
  added: AddedEvents,
  conflicted: readonly (readonly number[])[],
  shared: () => readonly number[],
  findReach: FindReach = (nids) => authReach(db, nids),
): Promise<Set<number>> {
  const fresh = await withoutStored(db, added);
  const own = await Promise.all(conflicted.map((nids) => reachOf(findReach, fresh, nids)));
  const candidates: Candidate[] = [
    ...[...new Set(own.flatMap((reach) => [...reach.added]))].filter(
      (nid) => !own.every((reach) => reach.added.has(nid)),
    ),
    ...(await eventsInSpans(db, spansBetween(own.map((reach) => reach.stored)))),
  ];
  const certain = new Set(conflicted.flat());
  const difference = new Set(candidates.map(nidOf).filter((nid) => certain.has(nid)));
  const open = candidates.filter((candidate) => !certain.has(nidOf(candidate)));
  if (open.length === 0) return difference;

  const ofAll = new Set(shared());
  const below = await reachBelow(db, fresh, [...ofAll]);
  for (const candidate of open)
    if (!ofAll.has(nidOf(candidate)) && !isIn(below, candidate)) difference.add(nidOf(candidate));
  return difference;
}

/** An event that is not stored, or the place of one that is. */
type Candidate = number | (ChainPlace & { readonly nid: number });

/** What we were told of before may be added again, now with a place in the graph. */
async function withoutStored(db: Queryable, added: AddedEvents): Promise<AddedEvents> {
  const stored = new Set(await havePlaces(db, [...added.keys()]));
  return new Map([...added].filter(([nid]) => !stored.has(nid)));
}

function nidOf(candidate: Candidate): number {
  return typeof candidate === 'number' ? candidate : candidate.nid;
}

function isIn(reach: Reach, candidate: Candidate): boolean {
  if (typeof candidate === 'number') return reach.added.has(candidate);
  return candidate.sequence <= (reach.stored.get(candidate.chain) ?? 0);
}

/** The parts of chains that some reach and others do not. */
function spansBetween(reaches: readonly AuthReach[]) {
  const chains = new Set(reaches.flatMap((reach) => [...reach.keys()]));
  return [...chains].flatMap((chain) => {
    const ends = reaches.map((reach) => reach.get(chain) ?? 0);
    const [after, upTo] = [Math.min(...ends), Math.max(...ends)];
    return after === upTo ? [] : [{ chain, after, upTo }];
  });
}

async function reachOf(findReach: FindReach, added: AddedEvents, nids: readonly number[]): Promise<Reach> {
  const { passed, stored } = throughAdded(added, nids);
  return { added: passed, stored: await findReach(stored) };
}

async function reachBelow(db: Queryable, added: AddedEvents, nids: readonly number[]): Promise<Reach> {
  const fresh = nids.filter((nid) => added.has(nid));
  const { passed, stored } = throughAdded(
    added,
    fresh.flatMap((nid) => added.get(nid)?.authEvents ?? []),
  );
  const old = nids.filter((nid) => !added.has(nid));
  const [direct, further] = [await authReach(db, stored), await authReachBelow(db, old)];
  const all = new Map(direct);
  for (const [chain, sequence] of further) all.set(chain, Math.max(sequence, all.get(chain) ?? 0));
  return { added: passed, stored: all };
}

/** Follows auth events through those that are not stored yet, up to those that are. */
function throughAdded(added: AddedEvents, start: readonly number[]) {
  const passed = new Set<number>();
  const stored = new Set<number>();
  const waiting = [...start];
  for (let nid = waiting.pop(); nid !== undefined; nid = waiting.pop()) {
    if (passed.has(nid)) continue;
    const event = added.get(nid);
    if (event === undefined) {
      stored.add(nid);
      continue;
    }
    passed.add(nid);
    waiting.push(...event.authEvents);
  }
  return { passed, stored: [...stored] };
}
