import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect } from 'vitest';
import { authorizationHeader } from '../../../../server/src/federation/x-matrix.ts';
import { openSocket, openTlsSocket, requestText, statusOf } from '../raw-connection.ts';
import { type Behaviour, FORGED, type Situation } from '../scene.ts';
import { newKey } from '../sent-events.ts';

interface Sent {
  readonly content?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  readonly origin?: string;
  readonly destination?: string;
  readonly uri?: string;
  readonly signedUri?: string;
  readonly key?: Situation['hostile']['key'];
}

/** The status of a transaction that is sent byte for byte as told, signed unless the headers say otherwise. */
async function statusOfSend({ hostile, victim }: Situation, sent: Sent): Promise<number> {
  const { content = '{"pdus":[]}', uri = '/_matrix/federation/v1/send/raw', headers = {} } = sent;
  const { origin = hostile.serverName, destination = victim, signedUri = uri, key = hostile.key } = sent;
  const signed = { method: 'PUT', uri: signedUri, origin, destination, content: content.toString() };
  const head = requestText(`PUT ${uri}`, {
    authorization: authorizationHeader(signed, key),
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(content)),
    ...headers,
  });
  return await statusOf(victim, Buffer.concat([Buffer.from(head), Buffer.from(content)]));
}

function refusedSends(title: string, status: number[], sends: (situation: Situation) => readonly Sent[]): Behaviour {
  return {
    title,
    async attack(situation) {
      const statuses = [];
      for (const sent of sends(situation)) statuses.push(await statusOfSend(situation, sent));
      for (const [index, got] of statuses.entries()) expect(status, `request ${index}`).toContain(got);
    },
  };
}

/** Requests that are not what they should be, before anybody looks at an event. */
export const transactionBehaviours: readonly Behaviour[] = [
  refusedSends(
    'signs for another destination, another path, by another key and as another server',
    [401],
    (situation) => [
      { destination: 'example.org' },
      { signedUri: '/_matrix/federation/v1/send/other' },
      { key: newKey('puppet') },
      { key: newKey('unknown') },
      { origin: situation.friend.serverName },
      { origin: situation.victim },
      { origin: 'not a name' },
      { content: '{"pdus":[7]}', headers: { authorization: 'X-Matrix origin=' } },
      ...['', 'Bearer x', 'X-Matrix', `X-Matrix ${'a="b",'.repeat(500)}`, `X-Matrix origin="${'x'.repeat(4000)}"`].map(
        (authorization) => ({ headers: { authorization } }),
      ),
    ],
  ),
  refusedSends('sends headers of a hundred kilobytes', [431, 400, 0], () => [
    { headers: { authorization: `X-Matrix ${'x'.repeat(100_000)}` } },
    { headers: Object.fromEntries(Array.from({ length: 3000 }, (_, n) => [`x-${n}`, 'y'.repeat(30)])) },
  ]),
  refusedSends('A6.5 sends bodies that are not JSON, or say that they are not', [400, 415], (): Sent[] => [
    { content: '' },
    { content: '{' },
    { content: 'null' },
    { content: '[]' },
    { content: '{"pdus":{}}' },
    { content: '{"pdus":null,"edus":[]}' },
    { content: '{"pdus":[],"edus":7}' },
    { content: '['.repeat(200_000) },
    { content: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]) },
    { headers: { 'content-type': 'text/plain' } },
    { headers: { 'content-type': 'multipart/form-data; boundary=x' } },
    { content: gzipSync('{"pdus":[]}'), headers: { 'content-encoding': 'gzip' } },
  ]),
  refusedSends('A2.3 sends 51 PDUs and 101 EDUs', [400, 413], () => [
    { content: JSON.stringify({ pdus: Array(51).fill({}) }) },
    { content: JSON.stringify({ pdus: [], edus: Array(101).fill({}) }) },
  ]),
  // Who goes on sending after the answer may see the connection end before they have read it.
  refusedSends('announces 10 GB, and sends more than a transaction may have', [413, 0], () => [
    { headers: { 'content-length': String(10 * 1024 ** 3) } },
    { content: `{"pdus":[],"x":"${'x'.repeat(14 * 1024 ** 2)}"}` },
  ]),
  refusedSends('asks for paths that do not exist, in every spelling', [400, 401, 404, 405, 414, 431], () =>
    [
      'send',
      'send/1/2',
      'send//',
      'send/%00',
      'send/%ff',
      '../client/v3/sync',
      `send/${'x'.repeat(20_000)}`,
      'SEND/1',
    ].map((path) => ({ uri: `/_matrix/federation/v1/${path}` })),
  ),
  {
    title: 'A1.6 sends the same transaction again with other content',
    async attack(situation) {
      const { call, room, mallory, alice, roomId } = situation;
      const first = room.build({ type: 'm.room.message', sender: mallory, content: { body: 'first' } });
      const second = room.build({ type: 'm.room.message', sender: mallory, content: { body: FORGED } });
      const answer = await call('PUT', '/v1/send/replayed', { pdus: [first.pdu] });
      expect(answer.body.pdus).toEqual({ [first.eventId]: {} });
      const repeated = await call('PUT', '/v1/send/replayed', { pdus: [second.pdu] });
      expect(repeated.text).toBe(answer.text);
      expect(await alice.texts(roomId)).toEqual(['first']);
    },
  },
  {
    title: 'A1.6 sends the same event fifty times in one transaction, and in ten at once',
    async attack({ send, room, mallory, alice, roomId }) {
      const event = room.build({ type: 'm.room.message', sender: mallory, content: { body: 'once' } });
      const repeated = Array.from({ length: 50 }, () => event.pdu);
      await Promise.all(Array.from({ length: 10 }, () => send(repeated)));
      expect(await alice.texts(roomId)).toEqual(['once']);
    },
  },
  {
    title: 'P2 opens connections and says nothing, or half a request',
    async attack({ victim, size, alice }) {
      const sockets: Socket[] = [];
      const half = 'PUT /_matrix/federation/v1/send/1 HTTP/1.1\r\nhost: localhost\r\n';
      const body = 'content-type: application/json\r\ncontent-length: 1000\r\n\r\n{"pdus":';
      for (let n = 0; n < size(1_000); n++) {
        sockets.push(await openSocket(victim));
        for (const text of ['', half, half + body]) {
          const socket = await openTlsSocket(victim);
          socket.write(text);
          sockets.push(socket);
        }
      }
      // Those who mean well are served meanwhile.
      expect((await alice.call('GET', '/account/whoami')).status).toBe(200);
      for (const socket of sockets) socket.destroy();
    },
  },
  {
    title: 'speaks something else than HTTP',
    async attack({ victim }) {
      for (const text of [
        'hello\r\n\r\n',
        'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
        '\0'.repeat(10_000),
        'GET  HTTP/1.1\r\n\r\n',
      ]) {
        const status = await statusOf(victim, text);
        expect([0, 400, 404, 431, 505], JSON.stringify(text.slice(0, 20))).toContain(status);
      }
      const smuggled = requestText('PUT /_matrix/federation/v1/send/1', {
        'content-length': '5',
        'transfer-encoding': 'chunked',
      });
      expect([0, 400]).toContain(await statusOf(victim, `${smuggled}0\r\n\r\nGET / HTTP/1.1\r\n\r\n`));
    },
  },
];
