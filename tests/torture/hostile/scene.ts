import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import type { EventId, Pdu } from '../../../server/src/protocol/event.ts';
import { nearestSafeInteger } from '../../../server/src/protocol/json.ts';
import { cpuMs, residentMiB } from '../../bench/process-stats.ts';
import { verifyDatabaseOf } from '../../harness/broken-rules.ts';
import { Person } from '../../harness/person.ts';
import { PuppetRoom } from '../../harness/puppet-room.ts';
import { openPuppetServer, type PuppetAnswer, type PuppetServer } from '../../harness/puppet-server.ts';
import type { Figure } from '../scenario.ts';
import { createServerProcess, type ServerProcess } from '../server-process.ts';
import { type Inbox, openInbox } from './inbox.ts';

/** Text of every event that no server may take for true: nobody may ever read it. */
export const FORGED = 'this was never said';
/** Text in a room that the hostile server is not in. */
const SECRET = 'the bridge opens at midnight';

export interface PduResult {
  readonly error?: string;
}

/** What a behaviour has to work with: a room of alice's, in which are bob, and a user of an honest and of a hostile server. */
export interface Situation {
  /** `localhost:<port>` of the server under attack. */
  readonly victim: string;
  readonly process: ServerProcess;
  readonly hostile: PuppetServer;
  readonly friend: PuppetServer;
  readonly alice: Person;
  readonly bob: Person;
  /** The hostile server's user in the room. */
  readonly mallory: `@${string}`;
  readonly roomId: string;
  /** The room as the hostile server sees it. */
  readonly room: PuppetRoom;
  /** The room as the honest server sees it. */
  readonly honestRoom: PuppetRoom;
  /** A room of alice's and bob's that no other server is in. */
  readonly secretRoomId: string;
  /** A twentieth of the full size where the tier is the gate. */
  size(full: number): number;
  /** Sends a transaction of the hostile server's. Events may be JSON texts. Answers what became of each event. */
  send(pdus: readonly unknown[], edus?: readonly unknown[]): Promise<Readonly<Record<string, PduResult>>>;
  /** A call of the hostile server's to the victim; `path` starts after `/_matrix/federation`. */
  call(method: 'GET' | 'PUT' | 'POST', path: string, body?: unknown): Promise<PuppetAnswer>;
  /** Folder of the certificate authority that the victim trusts. */
  readonly developmentCa: string;
  /** Ends something with the behaviour. */
  close(what: { close(): Promise<void> }): void;
  /** A further hostile server with a name that nobody has heard of. It ends with the behaviour. */
  newPeer(): Promise<PuppetServer>;
  /** A room of the hostile server's that alice has joined. */
  enterHostileRoom(version?: string): Promise<PuppetRoom>;
  /** Notes what a piece of work costs the victim, and that it may cost no more than that. */
  measure(what: string, limits: Limits, work: () => Promise<unknown>): Promise<void>;
}

/** What a piece of work may cost at most. */
export interface Limits {
  readonly cpuMs: number;
  /** Requests to the hostile server. */
  readonly fetches?: number;
  /** Resident memory that it has more afterwards. */
  readonly grownMiB?: number;
}

/** Something that a hostile server may do. It throws where the victim did what it must not. */
export interface Behaviour {
  /** A sentence about what the hostile server does, with the ids of the rules that it tries to get around. */
  readonly title: string;
  /** Options of `createRoom` for the room in which it happens. */
  readonly roomOptions?: Readonly<Record<string, unknown>>;
  attack(situation: Situation): Promise<void>;
}

/** How a server has taken a behaviour. */
export interface Faced {
  readonly title: string;
  /** What is wrong, in words; empty where all is well. */
  readonly wrong: readonly string[];
  /** What `verify-db` finds afterwards. */
  readonly violations: number;
  /** Milliseconds from a message of alice's to its arrival at bob and at the honest server. */
  readonly sendMs: number;
  /** Milliseconds from a message of the honest server's to its arrival at alice. */
  readonly receiveMs: number;
  /** What it has cost, where the behaviour measures that. */
  readonly figures: readonly Figure[];
}

export interface Scene {
  /** Lets the hostile server behave so, and then looks whether the victim is still well. */
  face(behaviour: Behaviour): Promise<Faced>;
  close(): Promise<void>;
}

export interface SceneOptions {
  /** Empty folder for the server's files. */
  readonly folder: string;
  readonly databaseUrl: string;
  readonly tier: 'gate' | 'full';
}

interface Cast {
  readonly options: SceneOptions;
  readonly process: ServerProcess;
  readonly hostile: PuppetServer;
  readonly friend: PuppetServer;
  readonly alice: Person;
  readonly bob: Person;
  readonly aliceInbox: Inbox;
  readonly bobInbox: Inbox;
  readonly secretRoomId: string;
  /** Events that the honest server has been sent. */
  readonly delivered: Delivered;
  /** Texts that the hostile server has got and must not have. */
  readonly leaks: string[];
}

function developmentCaIn(folder: string): string {
  return path.join(folder, 'development-ca');
}

/** Starts a homeserver in a process of its own, an honest peer and a hostile one. */
export async function openScene(options: SceneOptions): Promise<Scene> {
  const developmentCa = developmentCaIn(options.folder);
  const process = await createServerProcess({
    folder: path.join(options.folder, 'victim'),
    settings: { database_url: options.databaseUrl, federation: { development_ca: developmentCa } },
  });
  await process.start();
  const hostile = await openPuppetServer({ developmentCa });
  const friend = await openPuppetServer({ developmentCa, host: '127.0.0.1' });
  const server = { serverName: process.serverName, baseUrl: process.url };
  const [alice, bob] = [await Person.register(server, 'alice'), await Person.register(server, 'bob')];
  const secretRoomId = await alice.createRoom({ preset: 'private_chat', name: SECRET, invite: [bob.userId] });
  await bob.join(secretRoomId);
  await alice.say(secretRoomId, SECRET);
  const leaks: string[] = [];
  hostile.onText = (text) => {
    if (text.includes(SECRET)) leaks.push(text.slice(0, 300));
  };
  const [aliceInbox, bobInbox] = [openInbox(alice), openInbox(bob)];
  const people = { alice, bob, aliceInbox, bobInbox };
  const cast = { options, process, hostile, friend, ...people, secretRoomId, delivered: deliveriesTo(friend), leaks };
  let faced = 0;
  return {
    face: (behaviour) => face(cast, behaviour, faced++),
    async close() {
      await Promise.all([hostile.close(), friend.close()]);
      if (process.isRunning) await process.stop();
    },
  };
}

interface Delivered {
  /** Waits for an event. */
  until(eventId: string, roomVersion: PuppetRoom): Promise<Pdu>;
}

const WAIT_MS = 150_000;

function deliveriesTo(friend: PuppetServer): Delivered {
  const pdus: Pdu[] = [];
  const waiting = new Set<() => void>();
  friend.answers.set('send', ({ body }) => {
    pdus.push(...body.pdus);
    for (const look of waiting) look();
    return { pdus: {} };
  });
  return {
    until: (eventId, room) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(look);
          reject(new Error('the honest server has waited in vain for a message'));
        }, WAIT_MS);
        const look = () => {
          const pdu = pdus.find((one) => room.know(one).eventId === eventId);
          if (pdu === undefined) return;
          waiting.delete(look);
          clearTimeout(timer);
          pdus.length = 0;
          resolve(pdu);
        };
        waiting.add(look);
        look();
      }),
  };
}

/** Events of the victim's log that say that something in it broke. */
async function errorsIn(folder: string): Promise<string[]> {
  const text = await readFile(path.join(folder, 'victim/log'), 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line !== '' && (!line.startsWith('{') || JSON.parse(line).level >= 50));
}

async function face(cast: Cast, behaviour: Behaviour, number: number): Promise<Faced> {
  const wrong: string[] = [];
  const note = (error: unknown) => void wrong.push(error instanceof Error ? error.message : String(error));
  const errorsBefore = (await errorsIn(cast.options.folder)).length;
  const ending: { close(): Promise<void> }[] = [];
  const figures: Figure[] = [];
  const situation = await prepare(cast, behaviour, number, { ending, figures, note });
  const keys = cast.hostile.answers.get('server');
  await behaviour.attack(situation).catch(note);
  cast.hostile.answers.clear();
  if (keys !== undefined) cast.hostile.answers.set('server', keys);

  let times = { sendMs: Number.NaN, receiveMs: Number.NaN };
  try {
    times = await converse(cast, situation, number);
  } catch (error) {
    note(error);
  }
  for (const one of ending.toReversed()) await one.close();
  if (!cast.process.isRunning) wrong.push('the server has ended');
  for (const line of (await errorsIn(cast.options.folder)).slice(errorsBefore)) wrong.push(`logged: ${line}`);
  for (const leak of cast.leaks.splice(0)) wrong.push(`the hostile server got ${leak}`);
  await lookForForgeries(situation).catch(note);
  const { broken, violations } = await verifyDatabaseOf(cast.options.databaseUrl);
  for (const { name, examples } of broken) wrong.push(`verify-db: ${name}: ${examples.join(', ')}`);
  return { title: behaviour.title, wrong, violations, ...times, figures };
}

/** What has to be known of a behaviour in the end. */
interface Notes {
  /** What ends with the behaviour, last things first. */
  readonly ending: { close(): Promise<void> }[];
  readonly figures: Figure[];
  note(problem: unknown): void;
}

/** The room in which it happens, and what the hostile server can do there. */
async function prepare(
  cast: Cast,
  behaviour: Behaviour,
  number: number,
  { ending, figures, note }: Notes,
): Promise<Situation> {
  const { process, hostile, friend, alice, bob, secretRoomId, options } = cast;
  const victim = process.serverName;
  const roomId = await alice.createRoom({ name: `Room ${number}`, ...behaviour.roomOptions });
  await bob.join(roomId);
  const honestRoom = await PuppetRoom.join(friend, victim, roomId, friend.user('fred'));
  const mallory = hostile.user('mallory');
  const room = await PuppetRoom.join(hostile, victim, roomId, mallory);
  room.serve();
  let transactions = 0;
  const checked = (answer: PuppetAnswer) => {
    if (answer.status >= 500) note(`the hostile server got ${answer.status}: ${answer.text.slice(0, 300)}`);
    return answer;
  };
  return {
    victim,
    process,
    hostile,
    friend,
    alice,
    bob,
    mallory,
    roomId,
    room,
    honestRoom,
    secretRoomId,
    size: (full) => (options.tier === 'full' ? full : Math.ceil(full / 20)),
    async send(pdus, edus = []) {
      const texts = (items: readonly unknown[]) =>
        items.map((item) => (typeof item === 'string' ? item : JSON.stringify(item))).join(',');
      const body = `{"pdus":[${texts(pdus)}],"edus":[${texts(edus)}]}`;
      const path = `/v1/send/${number}.${transactions++}`;
      const answer = checked(await hostile.callWithText(victim, 'PUT', path, body));
      expect(answer.status, answer.text).toBe(200);
      return answer.body.pdus;
    },
    call: async (method, path, body) => checked(await hostile.call(victim, method, path, body as never)),
    developmentCa: developmentCaIn(options.folder),
    close: (what) => void ending.push(what),
    async newPeer() {
      const peer = await openPuppetServer({ developmentCa: developmentCaIn(options.folder) });
      peer.onText = hostile.onText;
      ending.push(peer);
      return peer;
    },
    async enterHostileRoom(version = '12') {
      const hostileRoom = PuppetRoom.create(hostile, version);
      hostileRoom.serve();
      await alice.join(hostileRoom.roomId, [hostile.serverName]);
      return hostileRoom;
    },
    async measure(what, limits, work) {
      const before = await costsOf(process, hostile);
      await work();
      const after = await costsOf(process, hostile);
      const name = (of: string) => `${what}: ${of}`;
      figures.push({
        name: name('CPU time'),
        value: after.cpuMs - before.cpuMs,
        unit: 'ms',
        max: limits.cpuMs,
        isTime: true,
      });
      if (limits.fetches !== undefined)
        figures.push({
          name: name('requests'),
          value: after.calls - before.calls,
          unit: 'requests',
          max: limits.fetches,
        });
      if (limits.grownMiB !== undefined)
        figures.push({
          name: name('memory'),
          value: after.residentMiB - before.residentMiB,
          unit: 'MiB',
          max: limits.grownMiB,
          isTime: true,
        });
    },
  };
}

async function costsOf(process: ServerProcess, hostile: PuppetServer) {
  return {
    // Where the system does not tell, nothing is missed.
    cpuMs: (await cpuMs(process.pid())) ?? 0,
    calls: hostile.calls.length,
    residentMiB: await residentMiB(process.pid()),
  };
}

/** Says something in the room, and lets the honest server answer. Throws where either does not arrive. */
async function converse(cast: Cast, { roomId, honestRoom, victim }: Situation, number: number) {
  const { alice, friend, aliceInbox, bobInbox, delivered } = cast;
  const started = performance.now();
  const eventId = await alice.say(roomId, `still here ${number}`);
  const [pdu] = await Promise.all([
    delivered.until(eventId, honestRoom),
    bobInbox.until(roomId, `still here ${number}`),
  ]);
  const sendMs = performance.now() - started;

  const reply = honestRoom.build({
    type: 'm.room.message',
    sender: friend.user('fred'),
    content: { msgtype: 'm.text', body: `here too ${number}` },
    prevEvents: [eventId],
    depth: Math.min(nearestSafeInteger(pdu.depth) + 1, Number.MAX_SAFE_INTEGER),
  });
  const answeredAt = performance.now();
  const answer = await friend.call(victim, 'PUT', `/v1/send/${number}`, { pdus: [reply.pdu] } as never);
  const results = answer.body.pdus as Record<EventId, PduResult>;
  if (answer.status !== 200 || results[reply.eventId]?.error !== undefined)
    throw new Error(`the honest server was refused: ${answer.text}`);
  await aliceInbox.until(roomId, `here too ${number}`);
  return { sendMs, receiveMs: performance.now() - answeredAt };
}

/** Nobody can read what was never said. */
async function lookForForgeries({ alice, roomId }: Situation): Promise<void> {
  const seen = [...(await alice.history(roomId)), ...(await alice.roomOk('GET', roomId, 'state'))];
  const forged = seen.filter((event) => JSON.stringify(event).includes(FORGED));
  if (forged.length > 0) throw new Error(`alice can read what was never said: ${JSON.stringify(forged[0])}`);
}
