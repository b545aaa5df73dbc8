import { expect } from 'vitest';
import { PuppetRoom } from '../../../harness/puppet-room.ts';
import { type Behaviour, FORGED, type Situation } from '../scene.ts';

interface Invite {
  readonly event?: unknown;
  readonly roomId?: string;
  readonly eventId?: string;
  readonly version?: unknown;
  readonly state?: unknown;
}

function guestBook({ hostile }: Situation, version = '12') {
  const room = PuppetRoom.create(hostile, version);
  const state = ['m.room.create', 'm.room.join_rules'].map((type) => room.eventOf(type)?.pdu);
  const invite = (stateKey: string, membership = 'invite', sender: string = hostile.user('creator')) =>
    room.build({ type: 'm.room.member', sender, stateKey, content: { membership, reason: FORGED } });
  return { room, state, invite };
}

async function submit(situation: Situation, invite: Invite) {
  const { event, roomId = '', eventId = '', version = '12', state } = invite;
  const path = `/v2/invite/${encodeURIComponent(roomId)}/${encodeURIComponent(eventId)}`;
  return await situation.call('PUT', path, { room_version: version, event, invite_room_state: state });
}

function refusedInvites(title: string, invites: (situation: Situation) => Invite[]): Behaviour {
  return {
    title,
    async attack(situation) {
      for (const [index, invite] of invites(situation).entries()) {
        const { status, text } = await submit(situation, invite);
        expect([400, 403, 404], `invite ${index}: ${text}`).toContain(status);
      }
      const { rooms } = await situation.alice.ok('GET', '/sync');
      expect(JSON.stringify(rooms?.invite ?? {})).not.toContain(FORGED);
    },
  };
}

/** Invites that are none, and too many of them. */
export const inviteBehaviours: readonly Behaviour[] = [
  refusedInvites('A1.3 has joins, leaves, bans and messages signed as if they were invites', (situation) => {
    const { alice } = situation;
    const { room, state, invite } = guestBook(situation);
    const { roomId } = room;
    const others = ['join', 'leave', 'ban', 'knock'].map((membership) => invite(alice.userId, membership));
    const message = room.build({
      type: 'm.room.message',
      sender: situation.hostile.user('creator'),
      stateKey: alice.userId,
    });
    return [...others, message].map((event) => ({ event: event.pdu, eventId: event.eventId, roomId, state }));
  }),
  refusedInvites('A1.3 invites users of other servers and such that are not there, by users of others', (situation) => {
    const { alice, friend, victim } = situation;
    const { room, state, invite } = guestBook(situation);
    const { roomId } = room;
    return [
      invite(friend.user('fred')),
      invite(`@nobody:${victim}`),
      invite('not a user'),
      invite(alice.userId, 'invite', friend.user('fred')),
      invite(alice.userId, 'invite', alice.userId),
    ].map((event) => ({ event: event.pdu, eventId: event.eventId, roomId, state }));
  }),
  refusedInvites('A1.4 invites to another room, by another event and of another version than it says', (situation) => {
    const { alice, roomId: ours } = situation;
    const { room, state, invite } = guestBook(situation);
    const { roomId } = room;
    const { pdu: event, eventId } = invite(alice.userId);
    return [
      { event, eventId, roomId: ours, state },
      { event, eventId: '$another', roomId, state },
      { event, eventId, roomId, state, version: '11' },
      { event, eventId, roomId, state, version: 'org.example.99' },
      { event, eventId, roomId, state, version: 12 },
      { event: { ...event, signatures: {} }, eventId, roomId, state },
      { event: { ...event, content: { membership: 'invite' } }, eventId, roomId, state },
      { event: null, eventId, roomId, state },
      { event: [], eventId, roomId, state },
    ];
  }),
  refusedInvites('A1.7 shows forged, foreign and too much state with an invite', (situation) => {
    const { alice, room: ours, mallory, hostile } = situation;
    const { room, state, invite } = guestBook(situation);
    const { roomId } = room;
    const { pdu: event, eventId } = invite(alice.userId);
    const foreign = ours.build({ type: 'm.room.name', sender: mallory, stateKey: '', content: { name: FORGED } }).pdu;
    const name = room.build({
      type: 'm.room.name',
      sender: hostile.user('creator'),
      stateKey: '',
      content: { name: FORGED },
    });
    const stripped = { type: 'm.room.name', state_key: '', sender: alice.userId, content: { name: FORGED } };
    const states = [
      undefined,
      null,
      7,
      {},
      [],
      state.slice(1),
      [...state, foreign],
      [...state, { ...name.pdu, signatures: {} }],
      [...state, stripped],
      [...state, null],
      [...state, ...Array(60).fill(name.pdu)],
      [...state, { ...name.pdu, content: { name: 'x'.repeat(100_000) } }],
    ];
    return states.map((told) => ({ event, eventId, roomId, state: told }));
  }),
  {
    title: 'A1.7 shows stripped state of the wrong types with an invite to an older room',
    async attack(situation) {
      const { alice } = situation;
      const { room, invite } = guestBook(situation, '10');
      const { pdu: event, eventId } = invite(alice.userId);
      const odd = [
        { type: 'm.room.name', state_key: '', sender: alice.userId, content: { name: { x: 1 } } },
        { type: 'm.room.avatar', state_key: '', sender: alice.userId, content: { url: 7 } },
        { type: 'm.room.member', state_key: 'x', sender: alice.userId, content: { membership: 7 } },
        { type: 7, state_key: null },
        'x',
        null,
      ];
      const answer = await submit(situation, { event, eventId, roomId: room.roomId, version: '10', state: odd });
      expect(answer.status).toBeLessThan(500);
      expect((await alice.call('GET', '/sync')).status).toBe(200);
      await alice.roomOk('POST', room.roomId, 'leave', {});
    },
  },
  {
    title: 'A4.7 invites alice to two thousand rooms',
    async attack(situation) {
      const { alice, size, measure } = situation;
      await measure('invites', { cpuMs: 60_000 }, async () => {
        for (let n = 0; n < size(2_000); n++) {
          const { room, state, invite } = guestBook(situation);
          const { pdu: event, eventId } = invite(alice.userId);
          const answer = await submit(situation, { event, eventId, roomId: room.roomId, state });
          expect([200, 403, 429]).toContain(answer.status);
        }
      });
      expect((await alice.call('GET', '/sync')).status).toBe(200);
    },
  },
];
