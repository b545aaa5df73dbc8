import { expect } from 'vitest';
import type { Behaviour, Situation } from '../scene.ts';

/** What alice's client shows besides messages after these EDUs. */
interface Shown {
  /** Typing and receipts in the room. */
  readonly ephemeral: string;
  readonly others: string;
}

async function shownAfter({ send, alice, roomId }: Situation, edus: readonly unknown[]): Promise<Shown> {
  expect(await send([], edus)).toEqual({});
  const answer = await alice.ok('GET', '/sync');
  const ephemeral = JSON.stringify(answer.rooms?.join?.[roomId]?.ephemeral);
  return { ephemeral, others: JSON.stringify([answer.presence, answer.to_device, answer.device_lists]) };
}

function edu(type: string, content: unknown) {
  return { edu_type: type, content };
}

/** EDUs in the name of others, about what is not theirs, and too many of them. */
export const eduBehaviours: readonly Behaviour[] = [
  {
    title: 'A2.1 types for users of other servers',
    async attack(situation) {
      const { roomId, bob, friend } = situation;
      const { ephemeral } = await shownAfter(
        situation,
        [bob.userId, friend.user('fred')].map((user_id) => edu('m.typing', { room_id: roomId, user_id, typing: true })),
      );
      expect(ephemeral).not.toContain(bob.userId);
      expect(ephemeral).not.toContain(friend.user('fred'));
    },
  },
  {
    title: 'A2.2 types by a user who is not in the room, and in rooms that it is not in',
    async attack(situation) {
      const { roomId, hostile, mallory, secretRoomId } = situation;
      const { ephemeral } = await shownAfter(situation, [
        edu('m.typing', { room_id: roomId, user_id: hostile.user('nobody'), typing: true }),
        edu('m.typing', { room_id: secretRoomId, user_id: mallory, typing: true }),
        edu('m.typing', { room_id: '!unknown:example.org', user_id: mallory, typing: true }),
      ]);
      expect(ephemeral).not.toContain(hostile.user('nobody'));
    },
  },
  {
    title: 'A2.2 sends receipts of others, for events of other rooms and for what is no event',
    async attack(situation) {
      const { roomId, secretRoomId, bob, friend, mallory, alice } = situation;
      const said = await alice.say(roomId, 'read this');
      const secret = await alice.say(secretRoomId, 'not this');
      const receipt = (room: string, user: string, ids: unknown) =>
        edu('m.receipt', { [room]: { 'm.read': { [user]: { event_ids: ids, data: { ts: 1 } } } } });
      const { ephemeral } = await shownAfter(situation, [
        receipt(roomId, bob.userId, [said]),
        receipt(roomId, friend.user('fred'), [said]),
        receipt(secretRoomId, mallory, [secret]),
        receipt(roomId, mallory, [secret]),
        receipt(roomId, mallory, ['$unknown']),
        receipt(roomId, mallory, [7]),
        receipt(roomId, mallory, said),
      ]);
      expect(ephemeral).not.toContain(mallory);
      expect(ephemeral).not.toContain('m.read"');
    },
  },
  {
    title: 'A2.1 sends to-device messages, device lists and presence in the name of others',
    async attack(situation) {
      const { alice, bob, friend } = situation;
      const { others } = await shownAfter(
        situation,
        [bob.userId, friend.user('fred'), '@nobody:example.org', 7].flatMap((sender) => [
          edu('m.direct_to_device', {
            sender,
            type: 'm.forged',
            message_id: `forged-${sender}`,
            messages: { [alice.userId]: { '*': { forged: true } } },
          }),
          edu('m.presence', { push: [{ user_id: sender, presence: 'online', status_msg: 'forged' }] }),
          edu('m.device_list_update', { user_id: sender, device_id: 'FORGED', stream_id: 1, keys: {} }),
          edu('m.signing_key_update', { user_id: sender, master_key: {} }),
        ]),
      );
      expect(others).not.toContain('forged');
      expect(others).not.toContain('FORGED');
    },
  },
  {
    title: 'A2.3 sends EDUs of 10 MB, of unknown kinds and of wrong types',
    async attack(situation) {
      const { roomId, mallory } = situation;
      const many = Object.fromEntries(
        Array.from({ length: 100_000 }, (_, n) => [`!room${n}:example.org`, { 'm.read': {} }]),
      );
      await shownAfter(situation, [
        edu('m.receipt', many),
        edu('m.typing', { room_id: roomId, user_id: mallory, typing: true, fill: 'x'.repeat(5_000_000) }),
        edu('org.example.unknown', { some: 'thing' }),
        ...[null, 7, [], '"x"', {}, { edu_type: 7 }, { edu_type: 'm.typing' }],
        ...[null, 7, [], 'x', {}].flatMap((content) =>
          [
            'm.typing',
            'm.receipt',
            'm.presence',
            'm.direct_to_device',
            'm.device_list_update',
            'm.signing_key_update',
          ].map((type) => edu(type, content)),
        ),
        edu('m.receipt', { [roomId]: { 'm.read': { [mallory]: null } } }),
        edu('m.receipt', { [roomId]: 'x', __proto__: 7, constructor: {} }),
        edu('m.presence', { push: 'x' }),
        edu('m.direct_to_device', { sender: mallory, type: 'm.x', message_id: 'x', messages: { x: 7 } }),
      ]);
    },
  },
  {
    title: 'A2.3 types and stops typing as fast as it can',
    async attack(situation) {
      const { roomId, mallory, send, size } = situation;
      for (let n = 0; n < size(200); n++)
        await send(
          [],
          Array.from({ length: 100 }, (_, m) =>
            edu('m.typing', { room_id: roomId, user_id: mallory, typing: m % 2 === 0 }),
          ),
        );
    },
  },
];
