import path from 'node:path';
import {
  type Event,
  type EventId,
  type Pdu,
  prevEventIds,
  type StateKey,
  stateKey,
} from '../../../server/src/protocol/event.ts';
import { PuppetRoom } from '../../harness/puppet-room.ts';
import { openPuppetServer, type PuppetServer } from '../../harness/puppet-server.ts';
import { judgeDatabases } from '../database-findings.ts';
import { expectOk, type MatrixClient, type RoomEvent, registerClient } from '../matrix-client.ts';
import { type SeededRandom, seededRandom } from '../random.ts';
import type { Findings, Scenario, ScenarioOptions } from '../scenario.ts';
import { createServerProcess, type ServerProcess } from '../server-process.ts';

const SEEDS = { gate: 10, full: 200 };
const EVENTS = 40;
const GUESTS = 3;
const COPIES = 3;
const MAX_PER_TRANSACTION = 12;
const MAX_PREV_EVENTS = 20;
const MAX_ROUNDS = 10;

/** A homeserver with somebody who joins every room. */
interface Side {
  readonly server: ServerProcess;
  readonly databaseUrl: string;
  readonly client: MatrixClient;
}

/** What somebody sees of a room in the end. */
interface Seen {
  /** Event id per type and state key, as the server has it. */
  readonly state: ReadonlyMap<StateKey, string>;
  /** The same as a client puts it together from `/sync`. */
  readonly told: ReadonlyMap<StateKey, string>;
  readonly timeline: readonly RoomEvent[];
}

/** Adds one event on top of any of the newest ones: the graph forks, and memberships and names conflict. */
function addSomewhere(room: PuppetRoom, after: Map<EventId, Map<StateKey, Event>>, random: SeededRandom): Event {
  const recent = [...after.keys()].slice(-5);
  const parent = random.next() < 0.7 ? recent.at(-1) : random.pick(recent);
  if (parent === undefined) throw new Error('the room has no event');
  room.latest = [parent];
  room.state.clear();
  for (const [key, event] of after.get(parent) ?? []) room.state.set(key, event);
  const creator = room.puppet.user('creator');
  const guest = room.puppet.user(`guest${random.integer(1, GUESTS)}`);
  const membership = room.eventOf('m.room.member', guest)?.pdu.content.membership;
  const member = (sender: string, to: string) =>
    room.add({ type: 'm.room.member', sender, stateKey: guest, content: { membership: to } });
  const named = (type: string, key: string) =>
    room.add({ type, sender: creator, stateKey: '', content: { [key]: `${random.integer(1, 1_000_000)}` } });
  const choice = random.integer(1, 10);
  const added =
    choice <= 3
      ? room.message(creator, `said ${after.size}`)
      : choice === 4
        ? named('m.room.topic', 'topic')
        : choice === 5
          ? named('m.room.name', 'name')
          : choice <= 7
            ? member(creator, membership === 'ban' ? 'leave' : 'ban')
            : membership === 'join'
              ? room.message(guest, `said ${after.size}`)
              : membership === 'ban'
                ? member(creator, 'leave')
                : member(guest, 'join');
  after.set(added.eventId, new Map(room.state));
  return added;
}

/** A random history on top of the room, with one last event that comes after all of it. */
function addHistory(room: PuppetRoom, random: SeededRandom): Event[] {
  const after = new Map([[room.latest[0] as EventId, new Map(room.state)]]);
  const events = Array.from({ length: EVENTS }, () => addSomewhere(room, after, random));
  for (;;) {
    const referenced = new Set(events.flatMap((event) => event.pdu.prev_events as EventId[]));
    const ends = events.map((event) => event.eventId).filter((id) => !referenced.has(id));
    if (ends.length === 1) return events;
    events.push(tie(room, ends));
  }
}

/** An event that comes after several ends of the graph. The puppet does not resolve state, so it tells none before this one. */
function tie(room: PuppetRoom, ends: readonly EventId[]): Event {
  room.latest = [...ends.slice(0, MAX_PREV_EVENTS)];
  const tied = room.message(room.puppet.user('creator'), 'all of this comes together');
  room.statesBefore.delete(tied.eventId);
  return tied;
}

function shuffled<T>(items: readonly T[], random: SeededRandom): T[] {
  const left = [...items];
  for (let i = left.length - 1; i > 0; i--) {
    const j = random.integer(0, i);
    [left[i], left[j]] = [left[j] as T, left[i] as T];
  }
  return left;
}

async function deliver(puppet: PuppetServer, to: Side, txnId: string, events: readonly Event[]): Promise<void> {
  const body = { origin: puppet.serverName, origin_server_ts: 1, pdus: events.map((event) => event.pdu) };
  const answer = await puppet.call(to.server.serverName, 'PUT', `/v1/send/${txnId}`, body as never);
  if (answer.status !== 200) throw new Error(`a transaction was answered ${answer.status} ${answer.text}`);
}

/** Delivers every event three times, in any order, in transactions of any size of which several are under way at a time. */
async function deliverDisturbed(puppet: PuppetServer, to: Side, name: string, events: Event[], random: SeededRandom) {
  const left = shuffled(Array.from({ length: COPIES }, () => events).flat(), random);
  for (let n = 0; left.length > 0; n += 2) {
    const pair = [n, n + 1].map((of) => [of, left.splice(0, random.integer(1, MAX_PER_TRANSACTION))] as const);
    await Promise.all(pair.map(([of, part]) => deliver(puppet, to, `${name}-${of}`, part)));
  }
}

/** The ends of the graph as a server knows them: what an event of ours would come after. */
async function endsAt(puppet: PuppetServer, { server }: Side, roomId: string): Promise<readonly EventId[]> {
  const path = `/v1/make_leave/${encodeURIComponent(roomId)}/${encodeURIComponent(puppet.user('creator'))}`;
  const answer = await puppet.call(server.serverName, 'GET', path);
  if (answer.status !== 200) throw new Error(`make_leave was answered ${answer.status} ${answer.text}`);
  return prevEventIds(answer.body.event as Pdu);
}

/** Lets the puppet know an event of a server, and all before it that it did not know either. */
async function learn(room: PuppetRoom, { server }: Side, eventId: EventId): Promise<void> {
  const waiting = [eventId];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (room.events.has(id)) continue;
    const answer = await room.puppet.call(server.serverName, 'GET', `/v1/event/${encodeURIComponent(id)}`);
    if (answer.status !== 200) throw new Error(`an event was answered ${answer.status} ${answer.text}`);
    waiting.push(...prevEventIds(room.know(answer.body.pdus[0]).pdu));
  }
}

/**
 * Ends the graph in one event on both sides. A server ties the ends of a graph where they get many, by events of its own that
 * conflict with what others have said since: only over the same events must the state be the same.
 */
async function meet(room: PuppetRoom, sides: readonly Side[]): Promise<void> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const all = new Set<EventId>();
    let isMet = true;
    for (const side of sides) {
      const ends = await endsAt(room.puppet, side, room.roomId);
      for (const end of ends) await learn(room, side, end);
      isMet &&= ends.length === 1 && (all.size === 0 || all.has(ends[0] as EventId));
      for (const end of ends) all.add(end);
    }
    if (isMet) return;
    const last = tie(room, [...all]);
    for (const side of sides) await deliver(room.puppet, side, `meet-${last.eventId}`, [last]);
  }
  throw new Error('the graph goes on to have several ends');
}

type StateEvent = RoomEvent & { readonly state_key?: string };

function stateOf(events: readonly StateEvent[]): Map<StateKey, string> {
  const state = new Map<StateKey, string>();
  for (const event of events)
    if (event.state_key !== undefined) state.set(stateKey(event.type, event.state_key), event.event_id);
  return state;
}

type SyncedRoom = Readonly<Partial<Record<'state' | 'state_after' | 'timeline', { readonly events: StateEvent[] }>>>;

async function syncOf({ client }: Side, roomId: string, query: string): Promise<SyncedRoom> {
  const filter = encodeURIComponent(JSON.stringify({ room: { rooms: [roomId], timeline: { limit: 1 } } }));
  const { rooms } = await expectOk(client.call('GET', `/_matrix/client/v3/sync?timeout=0&filter=${filter}${query}`));
  const joined = (rooms as { readonly join: Record<string, SyncedRoom> }).join[roomId];
  if (joined === undefined) throw new Error(`${client.userId} is not in ${roomId}`);
  return joined;
}

async function look(side: Side, roomId: string): Promise<Seen> {
  const messages = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=1000`;
  const { state, timeline } = await syncOf(side, roomId, '');
  return {
    state: stateOf((await syncOf(side, roomId, '&use_state_after=true')).state_after?.events ?? []),
    told: stateOf([...(state?.events ?? []), ...(timeline?.events ?? [])]),
    timeline: (await expectOk(side.client.call('GET', messages))).chunk as RoomEvent[],
  };
}

function differences(one: ReadonlyMap<StateKey, string>, other: ReadonlyMap<StateKey, string>): string[] {
  return [...new Set([...one.keys(), ...other.keys()])].filter((key) => one.get(key) !== other.get(key));
}

interface Wrong {
  readonly state: string[];
  readonly told: string[];
  readonly lost: string[];
  readonly doubled: string[];
}

async function runSeed(puppet: PuppetServer, sides: readonly [Side, Side], seed: number): Promise<Wrong> {
  const random = seededRandom(seed);
  const [inOrder, disturbed] = sides;
  const room = PuppetRoom.create(puppet);
  room.serve();
  const via = `via=${encodeURIComponent(puppet.serverName)}`;
  const joins: Event[] = [];
  for (const { client } of sides) {
    await expectOk(client.call('POST', `/_matrix/client/v3/join/${encodeURIComponent(room.roomId)}?${via}`, {}));
    joins.push(room.events.get(room.latest[0] as EventId) as Event);
  }
  const events = [...joins, ...addHistory(room, random)];
  for (let at = 0; at < events.length; at += 50)
    await deliver(puppet, inOrder, `order-${seed}-${at}`, events.slice(at, at + 50));
  await deliverDisturbed(puppet, disturbed, `disturbed-${seed}`, events, random);
  await meet(room, sides);
  const [one, other] = [await look(inOrder, room.roomId), await look(disturbed, room.roomId)];
  const said = events.filter(({ pdu }) => pdu.sender === puppet.user('creator') && pdu.type === 'm.room.message');
  const [times, doubled] = [new Map<string, number>(), new Set<string>()];
  for (const { event_id: id } of other.timeline) {
    times.set(id, (times.get(id) ?? 0) + 1);
    if ((times.get(id) ?? 0) > 1) doubled.add(id);
  }
  return {
    state: differences(one.state, other.state),
    told: [one, other].flatMap(({ state, told }) => differences(state, told)),
    lost: said.map((event) => event.eventId).filter((id) => !times.has(id)),
    doubled: [...doubled],
  };
}

async function openSide(options: ScenarioOptions, name: string): Promise<Side> {
  const database = await options.createDatabase();
  const server = await createServerProcess({
    folder: path.join(options.folder, name),
    settings: { database_url: database.url, federation: { development_ca: path.join(options.folder, 'ca') } },
  });
  await server.start();
  return { server, databaseUrl: database.url, client: await registerClient([server.url], name) };
}

async function run(options: ScenarioOptions): Promise<Findings> {
  const puppet = await openPuppetServer({ developmentCa: path.join(options.folder, 'ca') });
  const sides: Side[] = [];
  try {
    const [one, other] = [await openSide(options, 'ordered'), await openSide(options, 'disturbed')];
    sides.push(one, other);
    const seeds = seededRandom(options.seed);
    const wrong: Wrong = { state: [], told: [], lost: [], doubled: [] };
    for (let n = 0; n < SEEDS[options.tier]; n++) {
      const seed = seeds.integer(0, 0xffff_ffff);
      const found = await runSeed(puppet, [one, other], seed);
      for (const kind of ['state', 'told', 'lost', 'doubled'] as const)
        wrong[kind].push(...found[kind].map((what) => `seed ${seed}: ${kind}: ${what}`));
      if (n % 20 === 19) options.report(`${n + 1} histories`);
    }
    const database = await judgeDatabases(sides.map((side) => side.databaseUrl));
    const figure = (name: string, found: readonly string[]) => ({ name, value: found.length, unit: '', max: 0 });
    return {
      counts: { history: { ok: SEEDS[options.tier], fail: 0, unknown: 0 } },
      figures: [
        figure('pieces of state that differ from the run in order', wrong.state),
        figure('pieces of state that clients are told otherwise', wrong.told),
        figure('messages lost', wrong.lost),
        figure('events shown twice', wrong.doubled),
        ...database.figures,
      ],
      examples: [...Object.values(wrong).flat().slice(0, 10), ...database.examples],
    };
  } finally {
    for (const { server } of sides) if (server.isRunning) await server.stop();
    await puppet.close();
  }
}

/** Transactions that come three times, in any order and cut in any way, lead to the room that they describe. */
export const h4: Scenario = {
  id: 'H4',
  title: 'Transactions delivered three times, shuffled and split lead to the same room',
  run,
};
