import { expect } from 'vitest';
import type { Pdu } from '../../../../server/src/protocol/event.ts';
import { forge } from '../forge.ts';
import { type Behaviour, FORGED, type Situation } from '../scene.ts';
import { lie } from '../sent-events.ts';

/** In these versions whoever makes an event chooses its id, so that events can name each other. */
const V1 = { room_version: '1' };

interface Chosen {
  readonly id: string;
  readonly content?: object;
  readonly prevs?: readonly string[];
  readonly auths?: readonly string[];
  readonly depth?: number;
}

/** A message of mallory's with an id and edges of choice. */
function withId(situation: Situation, { id, content = {}, prevs, auths, depth }: Chosen): Pdu {
  const { room, hostile } = situation;
  const { pdu } = lie(situation);
  // Nobody can hash an event that names it: whoever reads must not need it.
  const named = (ids: readonly string[]) => ids.map((one) => [one, { sha256: 'x' }]);
  const own = pdu.auth_events.map(([one]) => one as string);
  const changed = {
    ...pdu,
    event_id: id,
    content: { msgtype: 'm.text', body: 'round and round', ...content },
    ...(prevs === undefined ? {} : { prev_events: named(prevs) }),
    ...(auths === undefined ? {} : { auth_events: named([...own, ...auths]) }),
    ...(depth === undefined ? {} : { depth }),
  };
  return JSON.parse(forge(changed, room.version, hostile.serverName, hostile.key));
}

function idOf({ hostile }: Situation, n: number | string): string {
  return `$circle${n}:${hostile.serverName}`;
}

/** Lets the hostile server answer about these events as if they were like any others. */
function serveAll({ room }: Situation, pdus: readonly Pdu[]): void {
  for (const pdu of pdus) {
    room.know(pdu);
    room.statesBefore.set(pdu.event_id as never, new Map(room.state));
  }
}

/** Events that lead to themselves, and events that share an id. */
export const cycleBehaviours: readonly Behaviour[] = [
  {
    title: 'A1.9 names auth events in a circle, and an event as its own',
    roomOptions: V1,
    async attack(situation) {
      const { send, measure } = situation;
      const content = { body: FORGED };
      const self = withId(situation, { id: idOf(situation, 'self'), content, auths: [idOf(situation, 'self')] });
      const length = 5;
      const circle = Array.from({ length }, (_, n) =>
        withId(situation, { id: idOf(situation, n), content, auths: [idOf(situation, (n + 1) % length)] }),
      );
      serveAll(situation, [self, ...circle]);
      await measure('a circle of auth events', { cpuMs: 5_000, fetches: 40 }, async () => {
        for (const pdus of [[self], [circle[0]], circle, circle.toReversed()])
          for (const result of Object.values(await send(pdus))) expect(result).toHaveProperty('error');
      });
    },
  },
  {
    title: 'A1.9 names previous events in a circle, and an event as its own',
    roomOptions: V1,
    async attack(situation) {
      const { send, measure, alice, roomId } = situation;
      const self = withId(situation, { id: idOf(situation, 'self'), prevs: [idOf(situation, 'self')] });
      const length = 5;
      const circle = Array.from({ length }, (_, n) =>
        withId(situation, { id: idOf(situation, n), prevs: [idOf(situation, (n + 1) % length)] }),
      );
      serveAll(situation, [self, ...circle]);
      await measure('a circle of previous events', { cpuMs: 5_000, fetches: 80 }, async () => {
        for (const pdus of [[self], [circle[0]], circle, circle.toReversed()]) await send(pdus);
      });
      for (const path of ['messages?dir=b&limit=100', 'messages?dir=f&limit=100'])
        expect((await alice.room('GET', roomId, path)).status).toBe(200);
      for (const { event_id: id } of await alice.history(roomId))
        expect((await alice.room('GET', roomId, `context/${encodeURIComponent(id)}`)).status).toBe(200);
    },
  },
  {
    title: 'A1.1 sends other events under ids that are taken, its own and alice’s',
    roomOptions: V1,
    async attack(situation) {
      const { room, send, alice, roomId } = situation;
      const id = idOf(situation, 'taken');
      expect(await send([withId(situation, { id, content: { body: 'the first' } })])).toEqual({ [id]: {} });
      await send([withId(situation, { id, content: { body: FORGED } })]);
      const said = await alice.say(roomId, 'mine');
      const create = room.eventOf('m.room.create')?.eventId ?? '';
      for (const taken of [said, create]) {
        const [result] = Object.values(await send([withId(situation, { id: taken, content: { body: FORGED } })]));
        expect(result?.error ?? 'known already').toBeTypeOf('string');
      }
      expect(await alice.texts(roomId)).toEqual(['the first', 'mine']);
    },
  },
  {
    title: 'A1.1 sends events whose ids are of another server, of none, and of no form',
    roomOptions: V1,
    async attack(situation) {
      const { send, victim, friend } = situation;
      const content = { body: FORGED };
      const ids = [`$new:${victim}`, `$new:${friend.serverName}`, '$new:', '$new', 'new', '', `$${'x'.repeat(300)}:a`];
      await send([...ids.map((id) => withId(situation, { id, content })), { ...lie(situation).pdu, event_id: 7 }]);
    },
  },
];
