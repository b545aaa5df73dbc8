import { expect } from 'vitest';
import type { Pdu } from '../../../../server/src/protocol/event.ts';
import { PuppetRoom } from '../../../harness/puppet-room.ts';
import type { PuppetServer } from '../../../harness/puppet-server.ts';
import { badAnswers, dripping, endless } from '../bad-answers.ts';
import { type Behaviour, FORGED, type Situation } from '../scene.ts';
import { lie } from '../sent-events.ts';

const GAP_CALLS = ['get_missing_events', 'state_ids', 'state', 'event', 'event_auth', 'backfill'];

/** One event that builds on what nobody has. */
function behindGap(situation: Situation) {
  return lie(situation, { prevEvents: [`$${'A'.repeat(43)}`] });
}

/** A further hostile server that is in the room, so that what it does is not held against the first. */
async function newMember(situation: Situation): Promise<{ peer: PuppetServer; room: PuppetRoom; user: string }> {
  const peer = await situation.newPeer();
  const user = peer.user('eve');
  const room = await PuppetRoom.join(peer, situation.victim, situation.roomId, user);
  room.serve();
  return { peer, room, user };
}

/** Messages one after the other, oldest first, of which the first builds on what nobody has. */
function chain(room: PuppetRoom, sender: string, length: number): Pdu[] {
  let prev = `$${'B'.repeat(43)}`;
  return Array.from({ length }, (_, n) => {
    const content = { msgtype: 'm.text', body: FORGED, n };
    const event = room.build({ type: 'm.room.message', sender, content, prevEvents: [prev], depth: n + 1 });
    prev = event.eventId;
    room.events.set(event.eventId, event);
    return event.pdu;
  });
}

/** Events that lead away from what the room holds, and answers about them. */
export const gapBehaviours: readonly Behaviour[] = [
  {
    title: 'H6 names previous events that nobody has, in fifty events at once',
    async attack(situation) {
      const { send, measure } = situation;
      const events = Array.from({ length: 50 }, (_, n) =>
        lie(situation, { prevEvents: [`$${'C'.repeat(41)}${10 + n}`] }),
      );
      await measure('fifty events behind gaps', { cpuMs: 5_000, fetches: 1_000 }, () =>
        send(events.map((event) => event.pdu)),
      );
    },
  },
  {
    title: 'H6 pretends a chain of 100,000 events before its own',
    async attack(situation) {
      const { room, mallory, size, send, measure } = situation;
      const events = chain(room, mallory, size(100_000));
      const last = events.at(-1);
      expect(last).toBeDefined();
      await measure('a fake chain', { cpuMs: 5_000, fetches: 20, grownMiB: 50 }, () => send([last]));
    },
  },
  {
    title: 'H6 answers every question for missing events with the same ones, thousands of times',
    async attack(situation) {
      const { room, mallory, hostile, size, send, measure } = situation;
      const few = chain(room, mallory, 3);
      const many = Array.from({ length: size(20_000) }, (_, n) => few[n % 2]);
      hostile.answers.set('get_missing_events', () => ({ events: many }));
      await measure('a circle', { cpuMs: 5_000, fetches: 20 }, () => send([few.at(-1)]));
    },
  },
  {
    title: 'answers with missing events of another room, and with events that follow',
    async attack(situation) {
      const { room, mallory, hostile, send } = situation;
      const other = await situation.enterHostileRoom();
      const foreign = [other.message(hostile.user('creator'), FORGED).pdu, behindGap(situation).pdu];
      const later = room.build({ type: 'm.room.message', sender: mallory, content: { body: FORGED }, depth: 900 });
      hostile.answers.set('get_missing_events', () => ({ events: [...foreign, later.pdu] }));
      await send([behindGap(situation).pdu]);
    },
  },
  {
    title: 'A1.6 answers questions about a gap with everything that is no answer',
    async attack(situation) {
      for (const [name, answer] of badAnswers()) {
        const { peer, room, user } = await newMember(situation);
        for (const call of GAP_CALLS) peer.answers.set(call, () => answer);
        const event = room.build({
          type: 'm.room.message',
          sender: user,
          content: { body: FORGED },
          prevEvents: [`$${'D'.repeat(43)}`],
        });
        const sent = await peer.call(situation.victim, 'PUT', '/v1/send/1', { pdus: [event.pdu] } as never);
        expect(sent.status, name).toBe(200);
        expect(sent.body.pdus[event.eventId], name).toHaveProperty('error');
      }
    },
  },
  {
    title: 'A5.3 answers questions about a gap without end',
    async attack(situation) {
      for (const call of ['get_missing_events', 'state_ids']) {
        const { peer, room, user } = await newMember(situation);
        peer.answers.set(call, () => endless('application/json', ' ', '{"events":['));
        const event = room.build({
          type: 'm.room.message',
          sender: user,
          content: { body: FORGED },
          prevEvents: [`$${'E'.repeat(43)}`],
        });
        const sent = await peer.call(situation.victim, 'PUT', '/v1/send/1', { pdus: [event.pdu] } as never);
        expect(sent.body.pdus[event.eventId]).toHaveProperty('error');
      }
    },
  },
  {
    title: 'answers a question about a gap a byte at a time, while the room goes on',
    async attack(situation) {
      const { peer, room, user } = await newMember(situation);
      const asked = new Promise<void>((resolve) => {
        peer.answers.set('get_missing_events', () => {
          resolve();
          return dripping(() => {});
        });
      });
      const event = room.build({
        type: 'm.room.message',
        sender: user,
        content: { body: FORGED },
        prevEvents: [`$${'F'.repeat(43)}`],
      });
      // It is still waiting when the room is tried; the end of the peer is its end.
      peer.call(situation.victim, 'PUT', '/v1/send/1', { pdus: [event.pdu] } as never).catch(() => {});
      await asked;
    },
  },
  {
    title:
      'A1.12 lies about the state before an event: less of it, foreign events, ids of secret rooms, a hundred thousand',
    async attack(situation) {
      const { room, hostile, alice, bob, roomId, secretRoomId, mallory, send, size } = situation;
      const other = await situation.enterHostileRoom();
      const secret = (await alice.roomOk('GET', secretRoomId, 'state')) as { event_id: string }[];
      const state = [...room.state.values()].map((event) => event.eventId);
      const made = Array.from({ length: size(100_000) }, (_, n) => `$${'G'.repeat(37)}${100_000 + n}`);
      const lies = [
        { pdu_ids: [], auth_chain_ids: [] },
        { pdu_ids: state.slice(0, 2), auth_chain_ids: [] },
        { pdu_ids: [...other.events.keys()], auth_chain_ids: [...other.events.keys()] },
        { pdu_ids: secret.map((event) => event.event_id), auth_chain_ids: [] },
        { pdu_ids: [...state, ...made], auth_chain_ids: made },
        { pdu_ids: [...state, ...state], auth_chain_ids: state },
      ];
      hostile.answers.set('get_missing_events', () => ({ events: [] }));
      hostile.answers.set('state', () => ({ pdus: [], auth_chain: [] }));
      for (const [n, answer] of lies.entries()) {
        hostile.answers.set('state_ids', () => answer);
        const event = lie(situation, {
          prevEvents: [`$${'H'.repeat(42)}${n}`],
          content: { body: 'from behind a gap' },
        });
        await send([event.pdu]);
        expect(await bob.membership(roomId)).toBe('join');
        expect(await alice.membership(roomId, mallory)).toBe('join');
        expect((await alice.roomOk('GET', roomId, 'state/m.room.name/')).name).toContain('Room');
      }
      expect(await alice.membership(secretRoomId, bob.userId)).toBe('join');
    },
  },
  {
    title: 'A1.12 tells a state full of forged events',
    async attack(situation) {
      const { room, hostile, mallory, alice, bob, roomId, send } = situation;
      const forged = [
        lie(situation, {
          type: 'm.room.power_levels',
          stateKey: '',
          content: { users: { [mallory]: 100 }, note: FORGED },
        }),
        lie(situation, { type: 'm.room.member', stateKey: bob.userId, content: { membership: 'ban', reason: FORGED } }),
        lie(situation, { type: 'm.room.name', stateKey: '', sender: alice.userId, content: { name: FORGED } }),
        lie(situation, {
          type: 'm.room.create',
          stateKey: '',
          prevEvents: [],
          authEvents: [],
          content: { note: FORGED },
        }),
      ];
      for (const event of forged) room.events.set(event.eventId, event);
      const ids = [...room.state.values()].map((event) => event.eventId);
      const told = [...ids, ...forged.map((event) => event.eventId)];
      hostile.answers.set('get_missing_events', () => ({ events: [] }));
      hostile.answers.set('state_ids', () => ({ pdu_ids: told, auth_chain_ids: told }));
      await send([lie(situation, { prevEvents: [`$${'I'.repeat(43)}`], content: { body: 'from behind a gap' } }).pdu]);
      expect(await bob.membership(roomId)).toBe('join');
      expect((await alice.roomOk('GET', roomId, 'state')).length).toBeGreaterThan(4);
      // The same through the answer that brings the whole state at once.
      const many = Array.from({ length: 60 }, (_, n) => `$${'J'.repeat(41)}${10 + n}`);
      hostile.answers.set('state_ids', () => ({ pdu_ids: [...told, ...many], auth_chain_ids: told }));
      const pdus = [...room.state.values(), ...forged].map((event) => event.pdu);
      hostile.answers.set('state', () => ({ pdus, auth_chain: pdus }));
      await send([lie(situation, { prevEvents: [`$${'K'.repeat(43)}`], content: { body: 'from behind a gap' } }).pdu]);
      expect(await bob.membership(roomId)).toBe('join');
    },
  },
  {
    title: 'answers the question for one event with another one',
    async attack(situation) {
      const { room, hostile, send } = situation;
      const unknown = `$${'L'.repeat(43)}`;
      const other = lie(situation, { depth: 3 });
      hostile.answers.set('get_missing_events', () => ({ events: [] }));
      hostile.answers.set('event', () => ({ pdus: [other.pdu] }));
      const ids = [...room.state.values()].map((event) => event.eventId);
      hostile.answers.set('state_ids', () => ({ pdu_ids: [...ids, unknown], auth_chain_ids: [unknown] }));
      await send([lie(situation, { prevEvents: [`$${'M'.repeat(43)}`], content: { body: 'from behind a gap' } }).pdu]);
    },
  },
  {
    title: 'A1.14 names auth events that nobody has, and answers with an endless chain of them',
    async attack(situation) {
      const { room, mallory, hostile, size, send, measure } = situation;
      const own = room.eventOf('m.room.member', mallory)?.eventId ?? '';
      let auth = `$${'N'.repeat(43)}`;
      const events = Array.from({ length: size(20_000) }, (_, n) => {
        const event = lie(situation, {
          type: 'm.room.member',
          stateKey: mallory,
          content: { membership: 'join', displayname: FORGED, n },
          authEvents: [own, auth],
        });
        auth = event.eventId;
        return event.pdu;
      });
      hostile.answers.set('event_auth', () => ({ auth_chain: events }));
      await measure('an endless auth chain', { cpuMs: 5_000, fetches: 20 }, () =>
        send([lie(situation, { authEvents: [own, auth] }).pdu]),
      );
    },
  },
  {
    title: 'H6 branches off the same event a thousand times',
    async attack(situation) {
      const { room, mallory, size, send, measure } = situation;
      const branches = Array.from({ length: size(1_000) }, (_, n) =>
        room.build({ type: 'm.room.message', sender: mallory, content: { body: `branch ${n}` } }),
      );
      await measure('a thousand branches', { cpuMs: 60_000 }, async () => {
        for (let n = 0; n < branches.length; n += 50) await send(branches.slice(n, n + 50).map((event) => event.pdu));
      });
    },
  },
  {
    title: 'A1.14 says that its events are at the greatest depth there is',
    async attack(situation) {
      const { room, mallory, send, alice, roomId } = situation;
      const deep = room.build({
        type: 'm.room.message',
        sender: mallory,
        content: { body: 'deep' },
        depth: Number.MAX_SAFE_INTEGER,
      });
      await send([deep.pdu]);
      await alice.say(roomId, 'later');
      await alice.say(roomId, 'and later');
      expect(await alice.texts(roomId)).toEqual(['deep', 'later', 'and later']);
    },
  },
];
