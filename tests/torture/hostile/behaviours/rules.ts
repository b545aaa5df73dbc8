import { expect } from 'vitest';
import { type Behaviour, FORGED, type Situation } from '../scene.ts';
import { lie, refused } from '../sent-events.ts';

const V11 = { room_version: '11' };

function power(situation: Situation, content: object = {}) {
  return { ...situation.room.eventOf('m.room.power_levels')?.pdu.content, ...content };
}

/** Bans mallory, and answers the head of the room from before that as mallory still knows it. */
async function banMallory({ alice, roomId, mallory, room }: Situation) {
  const before = { prevEvents: [...room.latest], depth: room.depth + 1 };
  await alice.roomOk('POST', roomId, 'ban', { user_id: mallory });
  return before;
}

/** Events that the rules of the room forbid. */
export const ruleBehaviours: readonly Behaviour[] = [
  refused('A1.8 gives itself power', (situation) => {
    const { mallory, bob } = situation;
    return [{ users: { [mallory]: 100 } }, { users: { [mallory]: 1, [bob.userId]: -1 } }, { state_default: 0 }].map(
      (content) =>
        lie(situation, {
          type: 'm.room.power_levels',
          stateKey: '',
          content: power(situation, { ...content, note: FORGED }) as never,
        }).pdu,
    );
  }),
  refused('A1.8 names, closes and encrypts the room without power', (situation) =>
    (
      [
        ['m.room.name', { name: FORGED }],
        ['m.room.join_rules', { join_rule: 'invite', note: FORGED }],
        ['m.room.history_visibility', { history_visibility: 'world_readable', note: FORGED }],
        ['m.room.server_acl', { allow: [], note: FORGED }],
        ['m.room.tombstone', { body: FORGED, replacement_room: '!other:example.org' }],
      ] as const
    ).map(([type, content]) => lie(situation, { type, stateKey: '', content: content as never }).pdu),
  ),
  refused('A1.8 bans, kicks and invites without power', (situation) => {
    const { alice, bob, friend } = situation;
    const content = (membership: string) => ({ membership, note: FORGED });
    return [
      lie(situation, { type: 'm.room.member', stateKey: alice.userId, content: content('ban') }).pdu,
      lie(situation, { type: 'm.room.member', stateKey: bob.userId, content: content('leave') }).pdu,
      lie(situation, { type: 'm.room.member', stateKey: friend.user('fred'), content: content('ban') }).pdu,
    ];
  }),
  refused('A1.13 joins and leaves for others', (situation) => {
    const { alice, bob, hostile } = situation;
    const content = (membership: string) => ({ membership, displayname: FORGED });
    return [alice.userId, bob.userId, hostile.user('other')].flatMap((stateKey) =>
      ['join', 'knock'].map(
        (membership) => lie(situation, { type: 'm.room.member', stateKey, content: content(membership) }).pdu,
      ),
    );
  }),
  refused('sets state that belongs to another user', (situation) => [
    lie(situation, { type: 'org.example.status', stateKey: situation.alice.userId }).pdu,
  ]),
  refused('speaks by a user who is not in the room', (situation) => [
    lie(situation, { sender: situation.hostile.user('nobody') }).pdu,
  ]),
  refused('A1.11 creates the room a second time', (situation) => [
    lie(situation, { type: 'm.room.create', stateKey: '', prevEvents: [], authEvents: [], content: { note: FORGED } })
      .pdu,
    lie(situation, { type: 'm.room.create', stateKey: '', content: { note: FORGED } }).pdu,
  ]),
  refused('A1.9 names no auth events, too few, the same ones twice, and others than it needs', (situation) => {
    const { room, mallory } = situation;
    const own = room.eventOf('m.room.member', mallory)?.eventId ?? '';
    const levels = room.eventOf('m.room.power_levels')?.eventId ?? '';
    const rules = room.eventOf('m.room.join_rules')?.eventId ?? '';
    return [[], [levels], [own, own, levels], [own, levels, rules]].map(
      (authEvents) => lie(situation, { authEvents }).pdu,
    );
  }),
  refused('A1.9 names auth events of another room', async (situation) => {
    const other = await situation.enterHostileRoom();
    const levels = other.eventOf('m.room.power_levels')?.eventId ?? '';
    const own = situation.room.eventOf('m.room.member', situation.mallory)?.eventId ?? '';
    return [lie(situation, { authEvents: [own, levels] }).pdu];
  }),
  refused('A1.10 names an auth event that was rejected', async (situation) => {
    const { room, mallory } = situation;
    const content = power(situation, { users: { [mallory]: 100 }, note: FORGED }) as never;
    const rejected = lie(situation, { type: 'm.room.power_levels', stateKey: '', content });
    const own = room.eventOf('m.room.member', mallory)?.eventId ?? '';
    const builtOnIt = lie(situation, { authEvents: [own, rejected.eventId], prevEvents: [...room.latest] });
    return [rejected.pdu, builtOnIt.pdu];
  }),
  refused('proves third-party invites with made-up tokens', (situation) => {
    const { hostile } = situation;
    const signed = { mxid: hostile.user('eve'), token: 'abc', signatures: {} };
    const content = { membership: 'invite', third_party_invite: { display_name: FORGED, signed } };
    return [lie(situation, { type: 'm.room.member', stateKey: hostile.user('eve'), content }).pdu];
  }),
  {
    title: 'A1.13 redacts what others have said, and the create event',
    async attack(situation) {
      const { alice, roomId, room, mallory, send } = situation;
      const said = await alice.say(roomId, 'to be kept');
      const create = room.eventOf('m.room.create')?.eventId ?? '';
      const redactions = [said, create].map((redacts) =>
        room.build({ type: 'm.room.redaction', sender: mallory, content: { redacts }, redacts }),
      );
      await send(redactions.map((event) => event.pdu));
      expect(await alice.texts(roomId)).toContain('to be kept');
      const version = await alice.roomOk('GET', roomId, 'state/m.room.create/');
      expect(version.room_version).toBe(room.version.id);
    },
  },
  {
    title: 'A1.13 redacts its own redactions, in a circle as far as hashes allow',
    async attack(situation) {
      const { room, mallory, send, alice, roomId } = situation;
      const first = room.message(mallory, 'first');
      const redactions = [first.eventId];
      const events = [first];
      for (let n = 0; n < 20; n++) {
        const redacts = redactions[n] ?? '';
        const event = room.add({ type: 'm.room.redaction', sender: mallory, content: { redacts }, redacts });
        redactions.push(event.eventId);
        events.push(event);
      }
      await send(events.toReversed().map((event) => event.pdu));
      expect(await alice.texts(roomId)).not.toContain('first');
    },
  },
  {
    title: 'A1.8 speaks, renames itself and lets itself in again after a ban, as if that had been before',
    async attack(situation) {
      const { alice, roomId, mallory, hostile, send, room } = situation;
      const before = await banMallory(situation);
      const evading = lie(situation, before);
      const rejoin = room.build({
        type: 'm.room.member',
        sender: mallory,
        stateKey: mallory,
        content: { membership: 'join', displayname: FORGED },
        prevEvents: [evading.eventId],
        depth: room.depth + 2,
      });
      await send([evading.pdu, rejoin.pdu]);
      expect(await alice.membership(roomId, mallory)).toBe('ban');
      // What follows on its own branch alone counts as little.
      const more = lie(situation, { prevEvents: [rejoin.eventId], depth: room.depth + 3 });
      await send([more.pdu]);
      expect(await alice.membership(roomId, mallory)).toBe('ban');
      expect(await alice.membership(roomId, hostile.user('nobody'))).toBeUndefined();
    },
  },
  {
    title: 'A1.11 uses power that was taken from it, from before that',
    roomOptions: V11,
    async attack(situation) {
      const { alice, bob, roomId, mallory, room, send } = situation;
      const granted = power(situation, { users: { [alice.userId]: 100, [mallory]: 50 } });
      await alice.setState(roomId, 'm.room.power_levels', granted);
      // Mallory learns of it the way everybody does: from the state of the room.
      const id = encodeURIComponent(room.latest[0] ?? '');
      const { body } = await situation.call('GET', `/v1/state/${encodeURIComponent(roomId)}?event_id=${id}`);
      expect(body.pdus).toBeDefined();
      const events = (await alice.roomOk('GET', roomId, 'messages?dir=b&limit=1')).chunk;
      const { body: answer } = await situation.call('GET', `/v1/event/${encodeURIComponent(events[0].event_id)}`);
      room.apply(room.know(answer.pdus[0]));
      await alice.setState(roomId, 'm.room.power_levels', { ...granted, users: { [alice.userId]: 100 } });
      const kicked = room.build({
        type: 'm.room.member',
        sender: mallory,
        stateKey: bob.userId,
        content: { membership: 'leave', reason: FORGED },
      });
      const renamed = room.build({ type: 'm.room.name', sender: mallory, stateKey: '', content: { name: FORGED } });
      const raised = room.build({
        type: 'm.room.power_levels',
        sender: mallory,
        stateKey: '',
        content: { ...granted, note: FORGED } as never,
      });
      await send([kicked.pdu, renamed.pdu, raised.pdu]);
      expect(await bob.membership(roomId)).toBe('join');
      const levels = await alice.roomOk('GET', roomId, 'state/m.room.power_levels/');
      expect(levels.users).toEqual({ [alice.userId]: 100 });
    },
  },
  {
    title: 'A1.11 claims to be a further creator, and that of a room with the same id',
    async attack(situation) {
      const { room, hostile, mallory, send, alice, roomId } = situation;
      const create = room.eventOf('m.room.create');
      const content = { room_version: '12', additional_creators: [mallory], note: FORGED };
      const other = room.build({
        type: 'm.room.create',
        sender: mallory,
        stateKey: '',
        content,
        prevEvents: [],
        authEvents: [],
      });
      const inOurRoom = { ...other.pdu, room_id: roomId };
      const level = lie(situation, {
        type: 'm.room.power_levels',
        stateKey: '',
        authEvents: [other.eventId, room.eventOf('m.room.member', mallory)?.eventId ?? ''],
        content: power(situation, { users: { [mallory]: 100 }, note: FORGED }) as never,
      });
      await send([other.pdu, inOurRoom, level.pdu]);
      const state: { type: string; event_id: string }[] = await alice.roomOk('GET', roomId, 'state');
      const creates = state.filter((event) => event.type === 'm.room.create');
      expect(creates.map((event) => event.event_id)).toEqual([create?.eventId]);
      expect(hostile.user('mallory')).toBe(mallory);
    },
  },
];
