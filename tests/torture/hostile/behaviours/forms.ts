import { expect } from 'vitest';
import { raw } from '../forge.ts';
import { type Behaviour, FORGED } from '../scene.ts';
import { forgedLie, lie, refused } from '../sent-events.ts';

const DEPTHS = [raw('-1'), raw('1.5'), raw('1.0'), raw('9007199254740992'), raw('1e400'), '1', null, true, [], {}];

/** Events that are not events of the room's version. */
export const formBehaviours: readonly Behaviour[] = [
  refused('A1.14 sends events of negative, fractional, huge and no depth', (situation) =>
    [...DEPTHS, undefined].map((depth) => forgedLie(situation, { depth })),
  ),
  refused('A1.5 puts numbers into an event that canonical JSON does not know', (situation) =>
    ['1.5', '1.0', '1e2', '-0', '9007199254740992', '-9007199254740993', '1e999'].map((number) =>
      forgedLie(situation, { content: { body: FORGED, number: raw(number) } }),
    ),
  ),
  refused('A1.5 sends a time that is no time', (situation) =>
    [raw('1.5'), raw('9007199254740992'), 'now', null, undefined].map((time) =>
      forgedLie(situation, { origin_server_ts: time }),
    ),
  ),
  refused('sends an event with half a character', (situation) => [
    forgedLie(situation, { content: { msgtype: 'm.text', body: `${FORGED} \ud800` } }),
  ]),
  refused('sends an event of 65,537 bytes and one of a megabyte', (situation) => {
    const bytes = Buffer.byteLength(forgedLie(situation, { content: { body: FORGED, fill: '' } }));
    return [65_537, 1_000_000].map((size) =>
      forgedLie(situation, { content: { body: FORGED, fill: 'x'.repeat(size - bytes) } }),
    );
  }),
  refused('sends an event nested a thousand deep', (situation) => {
    const nested = `${'['.repeat(1000)}${']'.repeat(1000)}`;
    return [forgedLie(situation, { content: { body: FORGED, nested: raw(nested) } })];
  }),
  refused('sends what is no event at all', () => [null, true, 7, '"text"', [], [[]], {}, '{"room_id":7}', '[{}]']),
  refused('sends types, state keys and users that are too long or no text', (situation) => {
    const { mallory } = situation;
    const long = 'x'.repeat(256);
    const types = [long, 'ÿ'.repeat(128), 'a\u0000b', 7, null].map((type) => ({ type }));
    const keys = [long, 'a\u0000b', 7, null, {}].map((key) => ({ type: 'org.example', state_key: key }));
    const senders = [`@${long}${mallory.slice(8)}`, mallory.slice(1), 7, null, '@:'].map((sender) => ({ sender }));
    return [...types, ...keys, ...senders].map((changes) => forgedLie(situation, changes));
  }),
  refused('sends an event in the form of other room versions', (situation) => {
    const { room, hostile } = situation;
    const [latest = ''] = room.latest;
    const pair = [latest, { sha256: latest.slice(1) }];
    return [
      forgedLie(situation, { event_id: `$forged:${hostile.serverName}`, prev_events: [pair], auth_events: [pair] }),
      forgedLie(situation, { prev_events: [`$forged:${hostile.serverName}`] }),
      forgedLie(situation, { type: 'm.room.create', state_key: '', room_id: undefined }),
    ];
  }),
  refused('sends hashes, content and edges of the wrong type', (situation) => {
    const { pdu } = lie(situation);
    return [
      ...[null, [], {}, { sha256: 7 }].map((hashes) => ({ ...pdu, hashes })),
      ...[null, [], 'x', undefined].map((content) => forgedLie(situation, { content: content ?? raw('null') })),
      ...[null, {}, [null], [[]], ['x'], [7]].flatMap((edges) => [
        { ...pdu, prev_events: edges },
        { ...pdu, auth_events: edges },
      ]),
    ];
  }),
  refused('names more than 20 previous and 10 auth events', (situation) => {
    const ids = (count: number) => Array.from({ length: count }, (_, n) => `$${'A'.repeat(41)}${10 + n}`);
    return [forgedLie(situation, { prev_events: ids(21) }), forgedLie(situation, { auth_events: ids(11) })];
  }),
  {
    title: 'A9.1 uses the names of an object’s inner workings as keys, which is its right',
    async attack(situation) {
      const { room, mallory, send, alice, roomId } = situation;
      const content = JSON.parse(
        '{"body":"keys","__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"toString":1}',
      );
      const event = room.build({ type: 'm.room.message', sender: mallory, content });
      expect(await send([JSON.stringify(event.pdu)])).toEqual({ [event.eventId]: {} });
      const seen = (await alice.history(roomId)).find((one) => one.event_id === event.eventId);
      expect(Object.keys(seen?.content ?? {}).sort()).toEqual(['__proto__', 'body', 'constructor', 'toString']);
      expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    },
  },
  {
    title: 'sends names, avatars, topics and members of the wrong type, which is its right',
    roomOptions: { power_level_content_override: { state_default: 0, events: {} } },
    async attack(situation) {
      const { room, mallory, send, alice, bob, roomId } = situation;
      const odd: [string, string, object][] = [
        ['m.room.name', '', { name: { an: 'object' } }],
        ['m.room.topic', '', { topic: [1, 2] }],
        ['m.room.avatar', '', { url: 7 }],
        ['m.room.canonical_alias', '', { alias: ['#a:b'], alt_aliases: { 0: 1 } }],
        ['m.room.history_visibility', '', { history_visibility: { shared: true } }],
        ['m.room.guest_access', '', { guest_access: null }],
        ['m.room.encryption', '', { algorithm: 7 }],
        ['m.room.tombstone', '', { replacement_room: 7 }],
        ['m.room.pinned_events', '', { pinned: 'x' }],
        ['m.room.member', mallory, { membership: 'join', displayname: { x: 1 }, avatar_url: [] }],
      ];
      const events = odd.map(([type, stateKey, content]) =>
        room.add({ type, sender: mallory, stateKey, content: content as never }),
      );
      const results = await send(events.map((event) => event.pdu));
      expect(Object.values(results).filter((result) => result.error !== undefined)).toEqual([]);
      for (const path of ['state', 'members', 'joined_members', 'messages?dir=b&limit=50'])
        expect((await alice.room('GET', roomId, path)).status, path).toBe(200);
      expect((await bob.call('GET', '/sync')).status).toBe(200);
      expect((await alice.call('GET', '/publicRooms')).status).toBe(200);
    },
  },
];
