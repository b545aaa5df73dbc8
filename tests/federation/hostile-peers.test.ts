import { describe, expect, test } from 'vitest';
import type { Pdu } from '../../server/src/protocol/event.ts';
import { brokenRules } from '../harness/broken-rules.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { type PuppetDraft, PuppetRoom } from '../harness/puppet-room.ts';
import { type PuppetServer, startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const puppet = await startPuppetServer();
const creator = puppet.user('creator');
let names = 0;
let txns = 0;

const newPerson = () => Person.register(alpha, `alice${names++}`);

async function send(events: readonly { pdu: unknown }[], from: PuppetServer = puppet) {
  const body = { pdus: events.map((event) => event.pdu) };
  const answer = await from.call(alpha.serverName, 'PUT', `/v1/send/${txns++}`, body as never);
  expect(answer.status, answer.text).toBe(200);
  return answer.body.pdus as Record<string, { error?: string }>;
}

async function tryJoin(alice: Person, room: PuppetRoom) {
  const via = encodeURIComponent(puppet.serverName);
  return await alice.call('POST', `/join/${encodeURIComponent(room.roomId)}?via=${via}`, {});
}

/** A room of the puppet's that alice is in. */
async function joinedRoom(version = '12') {
  const room = PuppetRoom.create(puppet, version);
  room.serve();
  const alice = await newPerson();
  await alice.join(room.roomId, [puppet.serverName]);
  return { room, alice };
}

/** A room of alice's that the puppet's user is in. */
async function guestRoom(options: Record<string, unknown> = {}) {
  const alice = await newPerson();
  const roomId = await alice.createRoom(options);
  const userId = puppet.user(`guest${names++}`);
  const room = await PuppetRoom.join(puppet, alpha.serverName, roomId, userId);
  room.serve();
  return { alice, roomId, userId, room };
}

describe('a resident server that lies about the room', () => {
  /** Serves a room whose send_join answer is changed. */
  function servedWith(change: (answer: { state: Pdu[]; auth_chain: Pdu[]; event: Pdu }) => void, version = '12') {
    const room = PuppetRoom.create(puppet, version);
    room.serve();
    const honest = puppet.answers.get('send_join');
    puppet.answers.set('send_join', async (request) => {
      const answer = (await honest?.(request)) as { state: Pdu[]; auth_chain: Pdu[]; event: Pdu };
      change(answer);
      return answer;
    });
    return room;
  }

  test('A1.19 a room without its create event, or of another version than announced, is not entered', async () => {
    const alice = await newPerson();
    const isCreate = (pdu: Pdu) => pdu.type === 'm.room.create';
    const without = servedWith((answer) => {
      answer.state = answer.state.filter((pdu) => !isCreate(pdu));
      answer.auth_chain = answer.auth_chain.filter((pdu) => !isCreate(pdu));
    });
    expect((await tryJoin(alice, without)).status).toBe(502);
    const lied = PuppetRoom.create(puppet, '11');
    lied.serve();
    const honest = puppet.answers.get('make_join');
    puppet.answers.set('make_join', async (request) => ({
      ...((await honest?.(request)) as object),
      room_version: '10',
    }));
    expect((await tryJoin(alice, lied)).status).toBe(502);
    puppet.answers.set('make_join', async (request) => ({
      ...((await honest?.(request)) as object),
      room_version: '99',
    }));
    expect((await tryJoin(alice, lied)).body.errcode).toBe('M_UNSUPPORTED_ROOM_VERSION');
    // The lies have left nothing behind.
    lied.serve();
    expect((await tryJoin(alice, lied)).status).toBe(200);
  });

  test('A1.2 forged events and events of other rooms are no part of the state', async () => {
    const alice = await newPerson();
    const other = PuppetRoom.create(puppet);
    const foreign = other.build({ type: 'm.room.topic', sender: creator, stateKey: '', content: { topic: 'foreign' } });
    const room = servedWith((answer) => {
      const member = answer.state.find((pdu) => pdu.type === 'm.room.member') as Pdu;
      const forged = { ...member, sender: alice.userId as Pdu['sender'], state_key: '@victim:example.org' };
      const unsigned = room.build({
        type: 'm.room.name',
        sender: creator,
        stateKey: '',
        content: { name: 'unsigned' },
      });
      answer.state.push(forged, { ...unsigned.pdu, signatures: {} }, foreign.pdu);
    });
    expect((await tryJoin(alice, room)).status).toBe(200);
    const state = await alice.roomOk('GET', room.roomId, 'state');
    expect(state.map((event: { type: string }) => event.type).sort()).toEqual([
      'm.room.create',
      'm.room.join_rules',
      'm.room.member',
      'm.room.member',
      'm.room.power_levels',
    ]);
  });

  test('A1.12 state that nothing authorises is no part of the state', async () => {
    const alice = await newPerson();
    const nobody = puppet.user('nobody');
    const room = servedWith((answer) => {
      const grab: PuppetDraft = { type: 'm.room.name', sender: nobody, stateKey: '', content: { name: 'grabbed' } };
      const unlisted = { ...grab, type: 'm.room.topic', sender: creator, authEvents: ['$unknown'] };
      answer.state.push(room.build(grab).pdu, room.build(unlisted).pdu);
    });
    expect((await tryJoin(alice, room)).status).toBe(200);
    expect((await alice.room('GET', room.roomId, 'state/m.room.name/')).status).toBe(404);
    expect((await alice.room('GET', room.roomId, 'state/m.room.topic/')).status).toBe(404);
  });

  test('two create events at once are a forgery', async () => {
    const alice = await newPerson();
    const room = servedWith((answer) => {
      const content = { room_version: '11', type: 'org.example.other' };
      const second = room.build({ type: 'm.room.create', sender: creator, stateKey: '', content, prevEvents: [] });
      answer.auth_chain.push(second.pdu);
    }, '11');
    expect((await tryJoin(alice, room)).status).toBeGreaterThanOrEqual(400);
  });

  test('A1.3 of what it proposes to sign only the place in the room is taken', async () => {
    const alice = await newPerson();
    const room = PuppetRoom.create(puppet);
    room.serve();
    const honest = puppet.answers.get('make_join');
    puppet.answers.set('make_join', async (request) => {
      const made = (await honest?.(request)) as { event: Pdu };
      const event = {
        ...made.event,
        content: { membership: 'join', users: { [creator]: 100 } },
        origin_server_ts: 1,
      };
      return { ...made, event };
    });
    let signed: Pdu | undefined;
    const accept = puppet.answers.get('send_join');
    puppet.answers.set('send_join', (request) => {
      signed = request.body;
      return accept?.(request);
    });
    await alice.join(room.roomId, [puppet.serverName]);
    expect(signed).toMatchObject({
      type: 'm.room.member',
      room_id: room.roomId,
      sender: alice.userId,
      state_key: alice.userId,
      content: { membership: 'join' },
    });
    expect(signed?.content).not.toHaveProperty('users');
  });

  test('A1.3 what is for another room, user or membership is not signed', async () => {
    const alice = await newPerson();
    const others = [
      { type: 'm.room.power_levels', state_key: '' },
      { sender: `@somebody:${alpha.serverName}` },
      { state_key: `@somebody:${alpha.serverName}` },
      { room_id: '!another:example.org' },
      { content: { membership: 'ban' } },
    ];
    for (const other of others) {
      const room = PuppetRoom.create(puppet);
      room.serve();
      const honest = puppet.answers.get('make_join');
      puppet.answers.set('make_join', async (request) => {
        const made = (await honest?.(request)) as { event: Pdu };
        return { ...made, event: { ...made.event, ...other } };
      });
      puppet.calls.length = 0;
      expect((await tryJoin(alice, room)).status).toBe(502);
      expect(puppet.calls).toEqual(['make_join']);
    }
  });

  test('a different join than the one sent is no answer, and neither is one without members', async () => {
    const alice = await newPerson();
    const other = servedWith((answer) => {
      answer.event = room(answer);
    });
    const room = (answer: { event: Pdu }) => ({
      ...answer.event,
      content: { membership: 'join', displayname: 'Mallory' },
    });
    expect((await tryJoin(alice, other)).status).toBe(502);
    const omitted = servedWith((answer) => Object.assign(answer, { members_omitted: true, servers_in_room: [] }));
    expect((await tryJoin(alice, omitted)).status).toBe(502);
  });
});

describe('a peer that lies about a gap', () => {
  test('A1.12 a told state does not replace ours', async () => {
    const { room, alice } = await joinedRoom();
    await alice.say(room.roomId, 'before');
    const topic = room.add({ type: 'm.room.topic', sender: creator, stateKey: '', content: { topic: 'real' } });
    await send([topic]);
    // A state that lacks alice and the topic, told for an event behind a gap that nobody fills.
    const few = ['m.room.create', 'm.room.power_levels', 'm.room.join_rules'].map(
      (type) => room.eventOf(type)?.eventId,
    );
    const own = room.eventOf('m.room.member', creator)?.eventId;
    puppet.answers.set('get_missing_events', () => ({ events: [] }));
    puppet.answers.set('state_ids', () => ({ pdu_ids: [...few, own], auth_chain_ids: [] }));
    const late = room.build({
      type: 'm.room.message',
      sender: creator,
      content: { body: 'from the other side of a gap' },
      prevEvents: ['$missing'],
    });
    expect(await send([late])).toEqual({ [late.eventId]: {} });
    expect((await alice.roomOk('GET', room.roomId, 'state/m.room.topic/')).topic).toBe('real');
    expect(await alice.membership(room.roomId)).toBe('join');
    await alice.say(room.roomId, 'still here');
    expect(await alice.texts(room.roomId)).toContain('still here');
  });

  test('what leads nowhere is not taken in with the events asked for', async () => {
    const { room, alice } = await joinedRoom();
    const missed = room.message(creator, 'missed');
    const last = room.message(creator, 'last');
    const aside = room.build({ type: 'm.room.message', sender: creator, content: { body: 'aside' }, depth: 1 });
    puppet.answers.set('get_missing_events', () => ({ events: [aside.pdu, missed.pdu] }));
    await send([last]);
    expect(await alice.texts(room.roomId)).toEqual(['missed', 'last']);
  });

  test('an event that names one to come cannot keep it out of the room', async () => {
    const { alice, roomId, userId, room } = await guestRoom();
    puppet.answers.set('get_missing_events', () => ({ events: [] }));
    const coming = room.build({ type: 'm.room.message', sender: userId, content: { body: 'coming' } });
    // Refused for lack of power, and known to name what has not come yet.
    const refused = room.build({
      type: 'm.room.name',
      sender: userId,
      stateKey: '',
      content: { name: 'grab' },
      prevEvents: [coming.eventId],
    });
    room.statesBefore.set(refused.eventId, new Map(room.state));
    expect((await send([refused]))[refused.eventId]?.error).toBeTypeOf('string');
    // The same from a room of the attacker's own.
    const own = PuppetRoom.create(puppet);
    own.serve();
    await alice.join(own.roomId, [puppet.serverName]);
    const crossing = own.build({
      type: 'm.room.message',
      sender: creator,
      content: { body: 'crossing' },
      prevEvents: [coming.eventId],
    });
    own.statesBefore.set(crossing.eventId, new Map(own.state));
    await send([crossing]);
    expect(await send([coming])).toEqual({ [coming.eventId]: {} });
    await alice.say(roomId, 'answer');
    expect(await alice.texts(roomId)).toEqual(['coming', 'answer']);
  });

  test('a server that does not answer keeps only itself waiting', async () => {
    const other = await startPuppetServer();
    const { alice, roomId, userId, room } = await guestRoom();
    const friend = await PuppetRoom.join(other, alpha.serverName, roomId, other.user('friend'));
    let release: (() => void) | undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    puppet.answers.set('get_missing_events', async () => {
      await held;
      return { events: [] };
    });
    const stuck = room.build({
      type: 'm.room.message',
      sender: userId,
      content: { body: 'stuck' },
      prevEvents: ['$missing'],
    });
    const waiting = send([stuck]);
    const free = friend.message(other.user('friend'), 'free');
    expect(await send([free], other)).toEqual({ [free.eventId]: {} });
    await alice.say(roomId, 'also free');
    expect(await alice.texts(roomId)).toEqual(['free', 'also free']);
    release?.();
    expect((await waiting)[stuck.eventId]?.error).toContain('cannot be had');
  });
});

describe('history', () => {
  test('A1.15 refused events in it do not end it', async () => {
    const room = PuppetRoom.create(puppet);
    const nobody = puppet.user('nobody');
    room.message(creator, 'oldest');
    for (let i = 0; i < 30; i++)
      room.add({ type: 'm.room.message', sender: nobody, content: { body: `refused ${i}` } });
    room.message(creator, 'newer');
    room.serve();
    const alice = await newPerson();
    await alice.join(room.roomId, [puppet.serverName]);
    expect(await alice.texts(room.roomId)).toEqual(['oldest', 'newer']);
    expect((await alice.history(room.roomId))[0]?.type).toBe('m.room.create');
  });

  test('branches in it are joined', async () => {
    const room = PuppetRoom.create(puppet);
    room.message(creator, 'root');
    const root = room.latest;
    const left = room.message(creator, 'left');
    room.latest = root;
    const right = room.message(creator, 'right');
    room.latest = [left.eventId, right.eventId];
    room.message(creator, 'joined');
    room.serve();
    const alice = await newPerson();
    await alice.join(room.roomId, [puppet.serverName]);
    const texts = await alice.texts(room.roomId);
    expect(texts[0]).toBe('root');
    expect(texts.slice(1, 3).sort()).toEqual(['left', 'right']);
    expect(texts[3]).toBe('joined');
  });

  test('a server that answers with nonsense is no reason to fail', async () => {
    const room = PuppetRoom.create(puppet);
    for (let i = 0; i < 5; i++) room.message(creator, `old ${i}`);
    room.serve();
    const alice = await newPerson();
    await alice.join(room.roomId, [puppet.serverName]);
    puppet.answers.set('backfill', () => ({ pdus: [{ not: 'an event' }, 7] }));
    expect(await alice.texts(room.roomId)).toEqual([]);
    puppet.answers.set('backfill', () => 'nonsense');
    expect(await alice.texts(room.roomId)).toEqual([]);
    room.serve();
    expect(await alice.texts(room.roomId)).toHaveLength(5);
  });
});

test('two people of one server join the same room of another at once', async () => {
  const room = PuppetRoom.create(puppet);
  room.serve();
  const [alice, bob] = await Promise.all([newPerson(), newPerson()]);
  await Promise.all([alice.join(room.roomId, [puppet.serverName]), bob.join(room.roomId, [puppet.serverName])]);
  expect(await alice.membership(room.roomId, bob.userId)).toBe('join');
  expect(await bob.membership(room.roomId, alice.userId)).toBe('join');
  await alice.say(room.roomId, 'both here');
  await bob.untilText(room.roomId, 'both here');
});

test('after all this the database agrees with itself', async () => {
  expect(await brokenRules(alpha)).toEqual([]);
});
