import { expect } from 'vitest';
import { badAnswers } from '../bad-answers.ts';
import { type Behaviour, FORGED } from '../scene.ts';

/** A room of the hostile server's with history, and lies about that. */
export const historyBehaviours: readonly Behaviour[] = [
  {
    title: 'answers the question for history with everything that is no answer',
    async attack(situation) {
      const { hostile, alice } = situation;
      const room = await situation.enterHostileRoom();
      for (const [name, answer] of badAnswers()) {
        hostile.answers.set('backfill', () => answer);
        const page = await alice.room('GET', room.roomId, 'messages?dir=b&limit=10');
        expect(page.status, name).toBe(200);
      }
    },
  },
  {
    title: 'answers the question for history with events of other rooms and with later ones',
    async attack(situation) {
      const { hostile, alice, room, mallory } = situation;
      const old = await situation.enterHostileRoom();
      const creator = hostile.user('creator');
      const foreign = room.build({ type: 'm.room.message', sender: mallory, content: { body: FORGED } });
      const later = old.build({ type: 'm.room.message', sender: creator, content: { body: FORGED } });
      const forged = old.build({ type: 'm.room.message', sender: alice.userId, content: { body: FORGED } });
      hostile.answers.set('backfill', () => ({ pdus: [foreign.pdu, later.pdu, forged.pdu] }));
      const seen = JSON.stringify(await alice.history(old.roomId));
      expect(seen).not.toContain(FORGED);
    },
  },
  {
    title: 'A1.15 puts more and more refused events before the ones that count',
    async attack(situation) {
      const { hostile, alice, size } = situation;
      const room = await situation.enterHostileRoom();
      const nobody = hostile.user('nobody');
      const before = room.latest;
      let prev: readonly string[] = [`$${'A'.repeat(43)}`];
      for (let n = 0; n < size(2_000); n++) {
        const event = room.build({
          type: 'm.room.message',
          sender: nobody,
          content: { body: FORGED, n },
          prevEvents: prev,
        });
        room.events.set(event.eventId, event);
        prev = [event.eventId];
      }
      const creator = hostile.user('creator');
      const last = room.build({
        type: 'm.room.message',
        sender: creator,
        content: { body: 'at last' },
        prevEvents: [...before, ...prev],
      });
      room.events.set(last.eventId, last);
      room.statesBefore.set(last.eventId, new Map(room.state));
      await situation.send([last.pdu]);
      expect(JSON.stringify(await alice.history(room.roomId))).not.toContain(FORGED);
    },
  },
];
