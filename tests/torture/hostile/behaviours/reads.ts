import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'vitest';
import { badAnswers, endless, redirecting, typed } from '../bad-answers.ts';
import { type Behaviour, FORGED, type Situation } from '../scene.ts';

/** Every call that reads a room, for a room and an event in it. */
function readsOf(roomId: string, eventId: string): string[] {
  const [room, event] = [roomId, eventId].map(encodeURIComponent);
  return [
    `/v1/event/${event}`,
    `/v1/event_auth/${room}/${event}`,
    `/v1/state/${room}?event_id=${event}`,
    `/v1/state_ids/${room}?event_id=${event}`,
    `/v1/backfill/${room}?v=${event}&limit=100`,
    `/v1/hierarchy/${room}`,
    `/v1/timestamp_to_event/${room}?ts=1&dir=f`,
  ];
}

/** Every call that asks how to enter or leave a room. */
function templatesOf(roomId: string, userId: string): string[] {
  const [room, user] = [roomId, userId].map(encodeURIComponent);
  const versions = 'ver=10&ver=11&ver=12';
  return [
    `/v1/make_join/${room}/${user}?${versions}`,
    `/v1/make_leave/${room}/${user}`,
    `/v1/make_knock/${room}/${user}?${versions}`,
  ];
}

/** What it hears of a room, with the ids that it knows anyway taken out. */
async function heard({ call }: Situation, path: string, ids: readonly string[]) {
  const { status, text } = await call('GET', path);
  return { status, text: ids.reduce((left, id) => left.replaceAll(id, 'id'), text) };
}

/** Answers of a media call that are no media. */
const MEDIA_ANSWERS = [
  typed('', ''),
  typed('multipart/mixed', 'no boundary'),
  typed('multipart/mixed; boundary=x', '--x\r\n\r\n{}\r\n--x--'),
  typed('multipart/mixed; boundary=x', '--x\r\n\r\n{}\r\n--x\r\n\r\n'),
  typed(`multipart/mixed; boundary=${'x'.repeat(5000)}`, `--${'x'.repeat(5000)}--`),
  typed('multipart/mixed; boundary=x', '--x\r\n'.repeat(100_000)),
  typed('text/html', '<script>alert(1)</script>'),
  typed('multipart/mixed; boundary=x', `--x\r\n\r\n${'{'.repeat(100_000)}\r\n--x\r\n\r\nbytes\r\n--x--`),
];

/** Looking for what is not its own, and media that are none. */
export const readBehaviours: readonly Behaviour[] = [
  {
    title: 'A3.1 asks for everything about a room that it is not in, which is as if there were none',
    async attack(situation) {
      const { alice, secretRoomId, mallory } = situation;
      const events = await alice.history(secretRoomId);
      const event = events.at(-1)?.event_id ?? '';
      const [noRoom, noEvent] = [`!${'A'.repeat(secretRoomId.length - 1)}`, `$${'A'.repeat(43)}`];
      const secret = readsOf(secretRoomId, event);
      const nothing = readsOf(noRoom, noEvent);
      for (const [index, path] of secret.entries()) {
        const ids = [secretRoomId, event, noRoom, noEvent, encodeURIComponent(event), encodeURIComponent(noEvent)];
        const answer = await heard(situation, path, ids);
        expect(answer.status, path).toBeGreaterThanOrEqual(400);
        expect(answer, path).toEqual(await heard(situation, nothing[index] ?? '', ids));
      }
      for (const path of templatesOf(secretRoomId, mallory))
        expect([403, 404], path).toContain((await situation.call('GET', path)).status);
    },
  },
  {
    title: 'A3.1 asks for events of a secret room under the name of a room that it is in',
    async attack(situation) {
      const { alice, secretRoomId, roomId, call } = situation;
      for (const { event_id: event } of await alice.history(secretRoomId))
        for (const path of readsOf(roomId, event).slice(0, 4)) expect((await call('GET', path)).status, path).toBe(404);
      const backfilled = await call('GET', readsOf(roomId, '$x')[4] ?? '');
      expect(backfilled.status).toBeLessThan(500);
    },
  },
  {
    title: 'A3.1 asks for missing events of a secret room, from a room that it is in too',
    async attack({ alice, secretRoomId, roomId, call }) {
      const events = (await alice.history(secretRoomId)).map((event) => event.event_id);
      for (const room of [secretRoomId, roomId]) {
        const body = { earliest_events: events.slice(0, 1), latest_events: events.slice(-1), limit: 1_000_000 };
        const answer = await call('POST', `/v1/get_missing_events/${encodeURIComponent(room)}`, body);
        expect(answer.body.events ?? []).toEqual([]);
      }
    },
  },
  {
    title: 'A8.3 asks with limits, times and lists that are too large or no numbers',
    async attack({ roomId, room, call }) {
      const [head = ''] = room.latest;
      const of = encodeURIComponent(roomId);
      for (const limit of ['-1', '0', '1e9', '99999999999999999999', 'x', '1.5', ''])
        expect(
          (await call('GET', `/v1/backfill/${of}?v=${encodeURIComponent(head)}&limit=${limit}`)).status,
        ).toBeLessThan(500);
      const many = Array.from({ length: 5_000 }, (_, n) => `$${'A'.repeat(39)}${1000 + n}`);
      for (const body of [
        { earliest_events: many, latest_events: many, limit: 10 },
        { earliest_events: [7], latest_events: null },
        { earliest_events: [], latest_events: [head], limit: -1, min_depth: 'x' },
      ])
        expect((await call('POST', `/v1/get_missing_events/${of}`, body)).status).toBeLessThan(500);
      for (const ts of ['-1', 'x', '99999999999999999999'])
        expect((await call('GET', `/v1/timestamp_to_event/${of}?ts=${ts}&dir=x`)).status).toBeLessThan(500);
    },
  },
  {
    title: 'A3.4 asks for profiles, keys and devices of users of other servers',
    async attack({ friend, call }) {
      const fred = friend.user('fred');
      const profile = await call('GET', `/v1/query/profile?user_id=${encodeURIComponent(fred)}`);
      expect(profile.status).toBeGreaterThanOrEqual(400);
      const keys = await call('POST', '/v1/user/keys/query', { device_keys: { [fred]: [] } });
      expect(JSON.stringify(keys.body.device_keys ?? {})).not.toContain(fred);
      const claimed = await call('POST', '/v1/user/keys/claim', {
        one_time_keys: { [fred]: { X: 'signed_curve25519' } },
      });
      expect(JSON.stringify(claimed.body.one_time_keys ?? {})).not.toContain(fred);
      expect((await call('GET', `/v1/user/devices/${encodeURIComponent(fred)}`)).status).toBeGreaterThanOrEqual(400);
    },
  },
  {
    title: 'A6.1 asks for media by paths',
    async attack({ call }) {
      for (const id of ['..%2F..%2Fsigning.key', '%2e%2e', 'a%00b', 'x'.repeat(1000), '..%5c..', '%2Fetc%2Fpasswd'])
        for (const path of [`/v1/media/download/${id}`, `/v1/media/thumbnail/${id}?width=1&height=1`])
          expect([400, 404, 414], path).toContain((await call('GET', path)).status);
    },
  },
  {
    title: 'A5.1 answers requests for media with what is none, without end, and with redirects to this machine',
    async attack({ hostile, alice }) {
      let visits = 0;
      const inside = createServer((_request, response) => {
        visits++;
        response.end(FORGED);
      });
      await new Promise<void>((resolve) => inside.listen(0, '127.0.0.1', resolve));
      const { port } = inside.address() as AddressInfo;
      const location = `http://127.0.0.1:${port}/secret`;
      const redirects = `--x\r\n\r\n{}\r\n--x\r\nlocation: ${location}\r\n\r\n\r\n--x--`;
      const answers = [
        ...MEDIA_ANSWERS,
        redirecting(location),
        typed('multipart/mixed; boundary=x', redirects),
        endless('multipart/mixed; boundary=x', 'x', '--x\r\n\r\n{}\r\n--x\r\n\r\n'),
      ];
      for (const [n, answer] of answers.entries()) {
        hostile.answers.set('media', () => answer);
        const response = await alice.fetch(`/client/v1/media/download/${hostile.serverName}/medium${n}`);
        const body = await response.text().catch(() => '');
        expect(response.status, body.slice(0, 100)).toBeGreaterThanOrEqual(400);
        expect(response.status).not.toBe(500);
      }
      await new Promise((resolve) => inside.close(resolve));
      expect(visits).toBe(0);
    },
  },
  {
    title: 'answers questions about profiles, directories and public rooms with everything that is no answer',
    async attack({ alice, newPeer }) {
      for (const [name, answer] of badAnswers()) {
        const peer = await newPeer();
        for (const call of ['query', 'publicRooms', 'user']) peer.answers.set(call, () => answer);
        for (const path of [
          `/profile/${encodeURIComponent(peer.user('eve'))}`,
          `/directory/room/${encodeURIComponent(`#room:${peer.serverName}`)}`,
          `/publicRooms?server=${encodeURIComponent(peer.serverName)}`,
        ]) {
          const { status, body } = await alice.call('GET', path);
          expect([401, 500], `${name}: ${path}: ${JSON.stringify(body)}`).not.toContain(status);
        }
      }
    },
  },
];
