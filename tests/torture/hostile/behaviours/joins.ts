import { expect } from 'vitest';
import type { Pdu } from '../../../../server/src/protocol/event.ts';
import { PuppetRoom } from '../../../harness/puppet-room.ts';
import { badAnswers, dripping, endless, redirecting } from '../bad-answers.ts';
import { type Behaviour, FORGED, type Situation } from '../scene.ts';

interface SendJoinAnswer {
  event?: Pdu;
  state: Pdu[];
  auth_chain: Pdu[];
}

/** A room of the hostile server's that nobody has joined yet. */
function offer({ hostile }: Situation, version = '12'): PuppetRoom {
  const room = PuppetRoom.create(hostile, version);
  room.serve();
  return room;
}

async function tryJoin({ alice, hostile }: Situation, roomId: string) {
  const via = encodeURIComponent(hostile.serverName);
  return await alice.call('POST', `/join/${encodeURIComponent(roomId)}?via=${via}`, {});
}

/** Whatever becomes of the join, it must be an answer that clients understand, and nothing forged may be seen. */
async function joinWith(situation: Situation, room: PuppetRoom, what: string, mayEnter = false): Promise<void> {
  const answer = await tryJoin(situation, room.roomId);
  expect(
    [...(mayEnter ? [200] : []), 400, 403, 404, 429, 502, 504],
    `${what}: ${JSON.stringify(answer.body)}`,
  ).toContain(answer.status);
  expect(answer.body.errcode, what).not.toBe('M_UNKNOWN_TOKEN');
  const state = await situation.alice.room('GET', room.roomId, 'state');
  expect(JSON.stringify(state.body), what).not.toContain(FORGED);
}

/** Joins through answers to make_join or send_join that have been changed. */
function changed(
  title: string,
  call: 'make_join' | 'send_join',
  // biome-ignore lint/suspicious/noExplicitAny: what a hostile server changes has every shape
  changes: readonly [string, (answer: any, situation: Situation, room: PuppetRoom) => unknown][],
  options: { version?: string; mayEnter?: boolean } = {},
): Behaviour {
  return {
    title,
    async attack(situation) {
      for (const [what, change] of changes) {
        const room = offer(situation, options.version);
        const honest = situation.hostile.answers.get(call);
        situation.hostile.answers.set(call, async (request) =>
          change(structuredClone(await honest?.(request)), situation, room),
        );
        await joinWith(situation, room, what, options.mayEnter);
      }
    },
  };
}

const isCreate = (pdu: Pdu) => pdu.type === 'm.room.create';

/** Rooms of the hostile server that alice tries to enter. */
export const joinBehaviours: readonly Behaviour[] = [
  {
    title: 'A5.1 redirects a join in a circle and to this machine',
    async attack(situation) {
      const { hostile, victim } = situation;
      const room = offer(situation);
      for (const location of [
        '/_matrix/federation/v1/make_join/again',
        `https://${hostile.serverName}/_matrix/federation/v1/make_join/again`,
        `https://${victim}/_matrix/federation/v1/version`,
        'http://127.0.0.1:1/',
        'http://[::1]/',
        'file:///etc/passwd',
      ])
        for (const status of [301, 302, 307, 308]) {
          hostile.answers.set('make_join', () => redirecting(location, status));
          hostile.calls.length = 0;
          await joinWith(situation, room, location);
          expect(hostile.calls, 'a redirect is not followed').toEqual(['make_join']);
        }
    },
  },
  {
    title: 'answers make_join and send_join with everything that is no answer',
    async attack(situation) {
      for (const call of ['make_join', 'send_join'])
        for (const [name, answer] of badAnswers()) {
          const room = offer(situation);
          situation.hostile.answers.set(call, () => answer);
          await joinWith(situation, room, `${call}: ${name}`);
        }
    },
  },
  {
    title: 'A5.3 answers a join without end, and a byte at a time',
    async attack(situation) {
      const room = offer(situation);
      situation.hostile.answers.set('make_join', () => endless('application/json', ' ', '{"event":'));
      await joinWith(situation, room, 'without end');
      const peer = await situation.newPeer();
      const slow = PuppetRoom.create(peer);
      slow.serve();
      const asked = new Promise<void>((resolve) => {
        peer.answers.set('send_join', () => {
          resolve();
          return dripping(() => {});
        });
      });
      const via = encodeURIComponent(peer.serverName);
      // Goes on while the other rooms are tried.
      situation.alice.call('POST', `/join/${encodeURIComponent(slow.roomId)}?via=${via}`, {}).catch(() => {});
      await asked;
    },
  },
  changed('A1.3 proposes another event than a join for signing', 'make_join', [
    ['another version', (answer) => ({ ...answer, room_version: '11' })],
    ['a version that nobody knows', (answer) => ({ ...answer, room_version: 'org.example.99' })],
    ['a version that is none', (answer) => ({ ...answer, room_version: 12 })],
    ['no event', (answer) => ({ ...answer, event: null })],
  ]),
  changed(
    'A1.3 proposes another room, user, depth and other edges for signing',
    'make_join',
    [
      ['another room', (answer) => ({ ...answer, event: { ...answer.event, room_id: '!other:example.org' } })],
      ['another user', (answer, { bob }) => ({ ...answer, event: { ...answer.event, sender: bob.userId } })],
      ['another type', (answer) => ({ ...answer, event: { ...answer.event, type: 'm.room.power_levels' } })],
      ['a huge depth', (answer) => ({ ...answer, event: { ...answer.event, depth: 2 ** 60 } })],
      ['a negative depth', (answer) => ({ ...answer, event: { ...answer.event, depth: -5 } })],
      ['no edges', (answer) => ({ ...answer, event: { ...answer.event, prev_events: null, auth_events: 'x' } })],
      ['many edges', (answer) => ({ ...answer, event: { ...answer.event, prev_events: Array(500).fill('$x') } })],
      ['much content', (answer) => ({ ...answer, event: { ...answer.event, content: { fill: 'x'.repeat(500_000) } } })],
    ],
    { mayEnter: true },
  ),
  changed('A1.19 lets alice into a room without a fitting create event', 'send_join', [
    [
      'none',
      (answer: SendJoinAnswer) => ({
        ...answer,
        state: answer.state.filter((pdu) => !isCreate(pdu)),
        auth_chain: answer.auth_chain.filter((pdu) => !isCreate(pdu)),
      }),
    ],
    [
      'that of another room',
      (answer: SendJoinAnswer, { hostile }) => {
        const other = PuppetRoom.create(hostile).eventOf('m.room.create')?.pdu;
        const swap = (pdus: Pdu[]) => pdus.map((pdu) => (isCreate(pdu) ? (other as Pdu) : pdu));
        return { ...answer, state: swap(answer.state), auth_chain: swap(answer.auth_chain) };
      },
    ],
    ['another join than hers', (answer: SendJoinAnswer) => ({ ...answer, event: answer.state.at(-1) })],
    ['members left out', (answer: SendJoinAnswer) => ({ ...answer, members_omitted: true, servers_in_room: [] })],
  ]),
  changed(
    'A1.11 lets alice into a room with two create events',
    'send_join',
    [
      [
        'in the auth chain',
        (answer: SendJoinAnswer, { hostile }, room) => {
          const second = room.build({
            type: 'm.room.create',
            sender: hostile.user('creator'),
            stateKey: '',
            content: { room_version: '11', note: FORGED },
            prevEvents: [],
            authEvents: [],
          });
          return { ...answer, auth_chain: [...answer.auth_chain, second.pdu], state: [...answer.state, second.pdu] };
        },
      ],
    ],
    { version: '11' },
  ),
  changed(
    'A1.2 adds forged events to the state of a room that alice enters',
    'send_join',
    [
      [
        'unsigned, foreign and forbidden ones',
        (answer: SendJoinAnswer, { hostile, alice, bob, room: other, mallory }, room) => {
          const creator = hostile.user('creator');
          const named = { type: 'm.room.name', stateKey: '', content: { name: FORGED } };
          const forged = [
            { ...room.build({ ...named, sender: creator }).pdu, signatures: {} },
            room.build({ ...named, sender: hostile.user('nobody') }).pdu,
            room.build({ ...named, sender: alice.userId }).pdu,
            other.build({ ...named, sender: mallory }).pdu,
            room.build({
              type: 'm.room.member',
              sender: creator,
              stateKey: bob.userId,
              content: { membership: 'join', displayname: FORGED },
            }).pdu,
          ];
          return { ...answer, state: [...answer.state, ...forged], auth_chain: [...answer.auth_chain, ...forged] };
        },
      ],
      [
        'thousands of them',
        (answer: SendJoinAnswer, { hostile, size }, room) => {
          const sender = hostile.user('nobody');
          const forged = Array.from(
            { length: size(10_000) },
            (_, n) => room.build({ type: 'org.example', sender, stateKey: String(n), content: { note: FORGED } }).pdu,
          );
          return { ...answer, state: [...answer.state, ...forged] };
        },
      ],
      [
        'all of them twice and a hundred times',
        (answer: SendJoinAnswer) => ({ ...answer, state: Array(100).fill(answer.state).flat() }),
      ],
    ],
    { mayEnter: true },
  ),
  {
    title: 'A1.11 makes creators of what are no users',
    async attack(situation) {
      const { hostile } = situation;
      for (const additional of [['not a user'], 'x', [7], { 0: 1 }, Array(2000).fill('@a:example.org')]) {
        const content = { room_version: '12', additional_creators: additional };
        const room = PuppetRoom.create(hostile, '12', hostile.user('creator'), content as never);
        room.serve();
        const answer = await tryJoin(situation, room.roomId);
        expect([200, 400, 403, 502], JSON.stringify(answer.body)).toContain(answer.status);
      }
    },
  },
  {
    title: 'invites alice to rooms with names that are no server’s',
    async attack(situation) {
      const { alice } = situation;
      const names = [
        '',
        ' ',
        '[::1',
        'a b',
        '-',
        'x'.repeat(300),
        '127.0.0.1:99999',
        'localhost:0',
        '..',
        'localhost:1/x',
      ];
      for (const name of names) {
        const room = encodeURIComponent('!room:localhost:1');
        const answer = await alice.call('POST', `/join/${room}?via=${encodeURIComponent(name)}`, {});
        expect([400, 403, 404, 502, 504], `${name}: ${JSON.stringify(answer.body)}`).toContain(answer.status);
      }
    },
  },
];
