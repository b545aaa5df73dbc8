import { expect } from 'vitest';
import type { PuppetRoom } from '../../../harness/puppet-room.ts';
import { type Behaviour, FORGED, type Situation } from '../scene.ts';

/** Puts state on top of a room of the hostile server's and sends it. */
async function setState({ hostile, send }: Situation, room: PuppetRoom, type: string, content: object, stateKey = '') {
  const event = room.add({ type, sender: hostile.user('creator'), stateKey, content: content as never });
  return (await send([event.pdu]))[event.eventId];
}

async function sayMany({ hostile, send }: Situation, room: PuppetRoom, count: number) {
  const events = Array.from({ length: count }, (_, n) => room.message(hostile.user('creator'), `message ${n}`));
  for (let n = 0; n < events.length; n += 50) await send(events.slice(n, n + 50).map((event) => event.pdu));
}

const STARS = '*a'.repeat(60);

/** What a hostile server may do in rooms of its own, where its word is law. */
export const roomBehaviours: readonly Behaviour[] = [
  {
    title: 'A4.2 sets a server ACL of thousands of patterns',
    async attack(situation) {
      const { hostile, measure } = situation;
      const room = await situation.enterHostileRoom();
      const deny = Array.from({ length: 4_000 }, (_, n) => `*${n}*?x`);
      await setState(situation, room, 'm.room.server_acl', { allow: ['*'], deny });
      await measure('200 messages under a long ACL', { cpuMs: 5_000 }, () => sayMany(situation, room, 200));
      expect(hostile.serverName).toContain('localhost');
    },
  },
  {
    title: 'A4.2 sets a server ACL of patterns full of stars',
    async attack(situation) {
      const { measure } = situation;
      const room = await situation.enterHostileRoom();
      const deny = Array.from({ length: 400 }, (_, n) => `${STARS}${n}`);
      await setState(situation, room, 'm.room.server_acl', { allow: ['*', STARS], deny });
      await measure('200 messages under an ACL of stars', { cpuMs: 5_000 }, () => sayMany(situation, room, 200));
    },
  },
  {
    title: 'A4.1 sets server ACLs of the wrong types, and one that shuts everybody out',
    async attack(situation) {
      const { hostile, alice } = situation;
      const room = await situation.enterHostileRoom();
      for (const content of [
        { allow: 'x', deny: 7 },
        { allow: [7, null, {}] },
        { deny: { 0: 'x' } },
        {},
        { allow: [] },
      ])
        await setState(situation, room, 'm.room.server_acl', content);
      const late = room.message(hostile.user('creator'), FORGED);
      expect((await situation.send([late.pdu]))[late.eventId]).toHaveProperty('error');
      expect(JSON.stringify(await alice.history(room.roomId))).not.toContain(FORGED);
      await alice.roomOk('POST', room.roomId, 'leave', {});
    },
  },
  {
    title: 'A1.8 sets power levels of ten thousand users, of strings and of fractions',
    async attack(situation) {
      const { hostile, alice } = situation;
      const room = await situation.enterHostileRoom();
      const many = Object.fromEntries(Array.from({ length: 1_500 }, (_, n) => [`@user${n}:example.org`, n]));
      await setState(situation, room, 'm.room.power_levels', { users: many });
      const odd = [
        { users: { [alice.userId]: '100' } },
        { users: { 'not a user': 5 } },
        { users: [] },
        { users_default: null },
        { events: { 'm.room.name': true } },
        { ban: '50' },
        { notifications: { room: '50' } },
      ];
      for (const content of odd) {
        const event = room.build({
          type: 'm.room.power_levels',
          sender: hostile.user('creator'),
          stateKey: '',
          content: { ...content, note: FORGED } as never,
        });
        expect((await situation.send([event.pdu]))[event.eventId], JSON.stringify(content)).toHaveProperty('error');
      }
      expect(JSON.stringify(await alice.roomOk('GET', room.roomId, 'state'))).not.toContain(FORGED);
    },
  },
  {
    title: 'A4.3 claims to follow on alice’s room, and to have its aliases',
    async attack(situation) {
      const { hostile, alice, roomId, victim } = situation;
      const alias = `#square${roomId.length}${hostile.calls.length}:${victim}`;
      await alice.ok('PUT', `/directory/room/${encodeURIComponent(alias)}`, { room_id: roomId });
      const predecessor = { room_id: roomId, event_id: situation.room.latest[0] };
      const room = await situation.enterHostileRoom();
      await setState(situation, room, 'm.room.canonical_alias', { alias, alt_aliases: [alias] });
      await setState(situation, room, 'm.room.create', { predecessor, note: FORGED });
      const found = await alice.ok('GET', `/directory/room/${encodeURIComponent(alias)}`);
      expect(found.room_id).toBe(roomId);
      expect((await alice.room('GET', roomId, 'state/m.room.tombstone/')).status).toBe(404);
    },
  },
  {
    title: 'A4.5 makes a space that is its own child, parent and successor',
    async attack(situation) {
      const { alice, hostile } = situation;
      const room = await situation.enterHostileRoom();
      const via = [hostile.serverName];
      await setState(situation, room, 'm.space.child', { via }, room.roomId);
      await setState(situation, room, 'm.space.parent', { via, canonical: true }, room.roomId);
      await setState(situation, room, 'm.room.tombstone', { replacement_room: room.roomId, body: 'round' });
      for (let n = 0; n < 60; n++) await setState(situation, room, 'm.space.child', { via }, `!child${n}:example.org`);
      const answer = await alice.fetch(`/client/v1/rooms/${encodeURIComponent(room.roomId)}/hierarchy`);
      expect(answer.status).toBeLessThan(500);
    },
  },
  {
    title: 'A4.7 lets thousands of its users join alice’s room',
    async attack(situation) {
      const { hostile, room, send, size, measure, alice, roomId } = situation;
      const joins = Array.from({ length: size(2_000) }, (_, n) => {
        const user = hostile.user(`crowd${n}`);
        return room.add({ type: 'm.room.member', sender: user, stateKey: user, content: { membership: 'join' } });
      });
      await measure('joins', { cpuMs: 60_000 }, async () => {
        for (let n = 0; n < joins.length; n += 50) await send(joins.slice(n, n + 50).map((event) => event.pdu));
      });
      expect((await alice.room('GET', roomId, 'joined_members')).status).toBe(200);
    },
  },
  {
    title: 'renames itself over and over',
    async attack(situation) {
      const { mallory, room, send, size, measure } = situation;
      const events = Array.from({ length: size(4_000) }, (_, n) =>
        room.add({
          type: 'm.room.member',
          sender: mallory,
          stateKey: mallory,
          content: { membership: 'join', displayname: `Mallory ${n}` },
        }),
      );
      await measure('renamings', { cpuMs: 60_000 }, async () => {
        for (let n = 0; n < events.length; n += 50) await send(events.slice(n, n + 50).map((event) => event.pdu));
      });
    },
  },
];
