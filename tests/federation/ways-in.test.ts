import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { EventId, Pdu } from '../../server/src/protocol/event.ts';
import { hashAndSignEvent, type SignedEvent, type UnsignedPdu } from '../../server/src/protocol/event-signing.ts';
import { openDatabase } from '../../server/src/storage/database.ts';
import { brokenRules } from '../harness/broken-rules.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom } from '../harness/puppet-room.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const puppet = await startPuppetServer();
const creator = puppet.user('creator');
let names = 0;
let txns = 0;

/** How an event is given to the homeserver: as it is, or forged. */
type Hand = (event: { readonly pdu: Pdu }) => Pdu;

const honest: Hand = ({ pdu }) => pdu;
/** The same event, with the same id and content, signed by nobody: each signature is one of something else. */
const forged: Hand = ({ pdu }) => {
  const other = puppet.key.sign(Buffer.from('something else'));
  const spoilt = (keys: Record<string, string>) => Object.fromEntries(Object.keys(keys).map((id) => [id, other]));
  const signatures = Object.entries(pdu.signatures as Record<string, Record<string, string>>);
  return { ...pdu, signatures: Object.fromEntries(signatures.map(([server, keys]) => [server, spoilt(keys)])) } as Pdu;
};

/** Brings an event to the homeserver. Answers its id. */
type WayIn = (hand: Hand) => Promise<EventId>;

async function put(call: string, body: unknown): Promise<void> {
  await puppet.call(alpha.serverName, 'PUT', call, body as never);
}

async function send(...pdus: Pdu[]): Promise<void> {
  await put(`/v1/send/${txns++}`, { pdus });
}

async function roomOfPuppet() {
  const room = PuppetRoom.create(puppet);
  room.serve();
  return { room, alice: await Person.register(alpha, `alice${names++}`) };
}

async function joinedRoom() {
  const { room, alice } = await roomOfPuppet();
  await alice.join(room.roomId, [puppet.serverName]);
  return { room, alice };
}

/** A membership of a guest in a room of ours, as `make_*` proposes it. */
async function proposed(membership: 'join' | 'knock' | 'leave'): Promise<{ roomId: string; event: SignedEvent }> {
  const alice = await Person.register(alpha, `alice${names++}`);
  const roomId = await alice.createRoom({ preset: 'public_chat' });
  const userId = puppet.user(`guest${names++}`);
  if (membership === 'leave') await PuppetRoom.join(puppet, alpha.serverName, roomId, userId);
  if (membership === 'knock') await alice.setState(roomId, 'm.room.join_rules', { join_rule: 'knock' });
  const call = `/v1/make_${membership}/${encodeURIComponent(roomId)}/${encodeURIComponent(userId)}?ver=12`;
  const { body, text } = await puppet.call(alpha.serverName, 'GET', call);
  expect(body.event, text).toBeDefined();
  const { version } = PuppetRoom.create(puppet);
  return { roomId, event: hashAndSignEvent(body.event as UnsignedPdu, version, puppet.serverName, puppet.key) };
}

function submission(call: string, membership: 'join' | 'knock' | 'leave'): WayIn {
  return async (hand) => {
    const { roomId, event } = await proposed(membership);
    await put(`/${call}/${encodeURIComponent(roomId)}/${encodeURIComponent(event.eventId)}`, hand(event));
    return event.eventId;
  };
}

function inviteIn(version: '/v1' | '/v2'): WayIn {
  return async (hand) => {
    const room = PuppetRoom.create(puppet, version === '/v1' ? '2' : '12');
    const alice = await Person.register(alpha, `alice${names++}`);
    const content = { membership: 'invite' };
    const invite = room.build({ type: 'm.room.member', sender: creator, stateKey: alice.userId, content });
    const state = [...room.state.values()].map((event) => event.pdu);
    const call = `${version}/invite/${encodeURIComponent(room.roomId)}/${encodeURIComponent(invite.eventId)}`;
    const event = hand(invite);
    if (version === '/v2') await put(call, { room_version: room.version.id, event, invite_room_state: state });
    else await put(call, event);
    return invite.eventId;
  };
}

/** Something of the answer to our join is changed by `change`, which answers what to look for. */
function joinAnswer(change: (answer: Record<string, Pdu[] | Pdu>, room: PuppetRoom, hand: Hand) => EventId): WayIn {
  return async (hand) => {
    const { room, alice } = await roomOfPuppet();
    room.add({ type: 'm.room.name', sender: creator, stateKey: '', content: { name: 'First' } });
    const old = room.eventOf('m.room.power_levels');
    const users = { [puppet.user('other')]: 50 };
    room.add({ type: 'm.room.power_levels', sender: creator, stateKey: '', content: { users } });
    const answerHonestly = puppet.answers.get('send_join');
    let changed: EventId | undefined;
    puppet.answers.set('send_join', async (request) => {
      const answer = (await answerHonestly?.(request)) as Record<string, Pdu[] | Pdu>;
      answer.auth_chain = [...(answer.auth_chain as Pdu[]), ...(old === undefined ? [] : [old.pdu])];
      changed = change(answer, room, hand);
      return answer;
    });
    const via = encodeURIComponent(puppet.serverName);
    await alice.call('POST', `/join/${encodeURIComponent(room.roomId)}?via=${via}`, {});
    if (changed === undefined) throw new Error('the puppet was not asked');
    return changed;
  };
}

/** Hands over the event of this id in a list of PDUs. */
function handOver(pdus: readonly Pdu[], room: PuppetRoom, eventId: EventId, hand: Hand): Pdu[] {
  return pdus.map((pdu) => (pdu === room.events.get(eventId)?.pdu ? hand({ pdu }) : pdu));
}

/** Lets one call answer honestly but for one event. */
function throughAnswer(room: PuppetRoom, call: string, key: string, eventId: EventId, hand: Hand): void {
  const answerHonestly = puppet.answers.get(call);
  puppet.answers.set(call, async (request) => {
    const answer = (await answerHonestly?.(request)) as Record<string, Pdu[]> | undefined;
    return answer === undefined ? undefined : { ...answer, [key]: handOver(answer[key] ?? [], room, eventId, hand) };
  });
}

/** The state before an event of which nothing else can be had, with so many events that are new to us. */
function toldState(call: 'event' | 'state', size: number): WayIn {
  return async (hand) => {
    const { room } = await joinedRoom();
    const told = Array.from({ length: size }, (_, n) =>
      room.add({ type: 'org.example.told', sender: creator, stateKey: `${n}`, content: {} }),
    );
    const eventId = told[0]?.eventId ?? '$';
    puppet.answers.set('get_missing_events', () => ({ events: [] }));
    throughAnswer(room, call, 'pdus', eventId, hand);
    await send(room.message(creator, 'after all that').pdu);
    return eventId;
  };
}

/**
 * By way of what call, through which file of `rooms/`. Each brings one event that is stored if it is honest. The answers to
 * `make_join` and its kin, and `exchange_third_party_invite`, bring none: only what is to be said in one that this server makes.
 */
const WAYS: readonly [way: string, door: string, bring: WayIn][] = [
  [
    'PUT /send',
    'receive.ts',
    async (hand) => {
      const { room } = await joinedRoom();
      const said = room.message(creator, 'said');
      await send(hand(said));
      return said.eventId;
    },
  ],
  ['PUT /v2/send_join', 'memberships-of-peers.ts', submission('v2/send_join', 'join')],
  ['PUT /v2/send_leave', 'memberships-of-peers.ts', submission('v2/send_leave', 'leave')],
  ['PUT /send_knock', 'memberships-of-peers.ts', submission('v1/send_knock', 'knock')],
  ['PUT /v1/invite', 'receive-invite.ts', inviteIn('/v1')],
  ['PUT /v2/invite', 'receive-invite.ts', inviteIn('/v2')],
  [
    'the event in the answer to our invite',
    'invite.ts',
    async (hand) => {
      const alice = await Person.register(alpha, `alice${names++}`);
      const roomId = await alice.createRoom();
      let asked: EventId = '$';
      puppet.answers.set('invite', ({ params, body }) => {
        asked = params[1] as EventId;
        return { event: hand({ pdu: body.event }) };
      });
      await alice.room('POST', roomId, 'invite', { user_id: puppet.user(`guest${names++}`) });
      return asked;
    },
  ],
  [
    'the event in the answer to send_join',
    'join-remote.ts',
    joinAnswer((answer, room, hand) => {
      answer.event = hand({ pdu: answer.event as Pdu });
      return room.latest[0] ?? '$';
    }),
  ],
  [
    'the state in the answer to send_join',
    'join-remote.ts',
    joinAnswer((answer, room, hand) => {
      const eventId = room.eventOf('m.room.name')?.eventId ?? '$';
      answer.state = handOver(answer.state as Pdu[], room, eventId, hand);
      return eventId;
    }),
  ],
  [
    'the auth chain in the answer to send_join',
    'join-remote.ts',
    joinAnswer((answer, room, hand) => {
      const chain = answer.auth_chain as Pdu[];
      const old = [...room.events.values()].find(({ pdu }) => pdu === chain.at(-1));
      answer.auth_chain = handOver(chain, room, old?.eventId ?? '$', hand);
      return old?.eventId ?? '$';
    }),
  ],
  [
    'POST /get_missing_events',
    'fill-gap.ts',
    async (hand) => {
      const { room } = await joinedRoom();
      const missed = room.message(creator, 'missed');
      throughAnswer(room, 'get_missing_events', 'events', missed.eventId, hand);
      await send(room.message(creator, 'seen').pdu);
      return missed.eventId;
    },
  ],
  ['GET /state_ids and GET /event', 'fetch-events.ts', toldState('event', 1)],
  ['GET /state', 'fetch-events.ts', toldState('state', 51)],
  [
    'GET /event_auth',
    'fetch-events.ts',
    async (hand) => {
      const { room } = await joinedRoom();
      const guest = puppet.user(`guest${names++}`);
      const before = [...room.latest];
      const member = { type: 'm.room.member', sender: guest, stateKey: guest, content: { membership: 'join' } };
      const join = room.add(member);
      throughAnswer(room, 'event_auth', 'auth_chain', join.eventId, hand);
      // It names a previous event that we have, and an auth event that comes from elsewhere.
      await send(room.know(room.build({ type: 'm.room.message', sender: guest, prevEvents: before }).pdu).pdu);
      return join.eventId;
    },
  ],
  [
    'GET /backfill',
    'backfill.ts',
    async (hand) => {
      const { room, alice } = await roomOfPuppet();
      const old = room.message(creator, 'old');
      await alice.join(room.roomId, [puppet.serverName]);
      throughAnswer(room, 'backfill', 'pdus', old.eventId, hand);
      await alice.history(room.roomId);
      return old.eventId;
    },
  ],
];

async function isStored(eventId: EventId): Promise<boolean> {
  const db = openDatabase({ connection: alpha.databaseUrl, poolSize: 1 });
  const rows = await db.query('SELECT FROM events WHERE event_id = $1', [eventId]);
  const waiting = await db.query('SELECT FROM waiting_pdus WHERE event_id = $1', [eventId]);
  await db.close();
  return rows.length + waiting.length > 0;
}

describe('A1.2 an event is stored if it is signed, and not if it is forged, by way of', () => {
  for (const [way, , bring] of WAYS)
    test(way, async () => {
      for (const [hand, outcome] of [
        [honest, true],
        [forged, false],
      ] as const) {
        for (const call of puppet.answers.keys()) if (call !== 'server') puppet.answers.delete(call);
        expect(await isStored(await bring(hand)), hand.name).toBe(outcome);
      }
    });
});

const SOURCE = path.join(import.meta.dirname, '../../server/src');

/** Files of the server in which there is a match. */
async function filesWith(pattern: RegExp): Promise<string[]> {
  const files = (await readdir(SOURCE, { recursive: true })).filter((file) => file.endsWith('.ts'));
  const texts = await Promise.all(files.map((file) => readFile(path.join(SOURCE, file), 'utf8')));
  return files.filter((_, index) => pattern.test(texts[index] ?? '')).toSorted();
}

test('A1.2 there are no other ways in: these are all who call the gate, and nobody else writes events', async () => {
  const doors = new Set(WAYS.map(([, door]) => `rooms/${door}`));
  // It makes nothing of what it has admitted but something to show to those who are invited.
  doors.add('rooms/stripped-state.ts');
  // It admits again what has been admitted, with the signature of a policy server.
  doors.add('rooms/policy-signatures.ts');
  expect(await filesWith(/import \{[^}]*\b(admitPdus?|admitAnswer)\b[^}]*\} from '\.\/admit-pdu\.ts'/)).toEqual(
    [...doors].toSorted(),
  );
  // Only these make what `NewEvent` takes.
  expect(await filesWith(/\bas VerifiedPdu\b/)).toEqual(['rooms/admit-pdu.ts']);
  expect(await filesWith(/\bas SignedEvent\b/)).toEqual(['protocol/event-signing.ts']);
  const writers = /import \{[^}]*\binsert(LiveEvents|EventsAside|BackfilledEvents)\b[^}]*\} from/;
  expect(await filesWith(writers)).toEqual(['rooms/outlier-membership.ts', 'rooms/persist.ts']);
  expect(await filesWith(/INSERT INTO events\b/)).toEqual(['storage/events.ts']);
});

test('after all this the database agrees with itself', async () => {
  expect(await brokenRules(alpha)).toEqual([]);
});
