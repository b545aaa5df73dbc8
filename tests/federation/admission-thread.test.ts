import { afterAll, expect, test } from 'vitest';
import { verifyKeysOf } from '../../server/src/federation/verify-keys.ts';
import { hashAndSignEvent } from '../../server/src/protocol/event-signing.ts';
import { newSigningKeySeed, signingKeyFromSeed } from '../../server/src/protocol/signing.ts';
import { AdmissionThread } from '../../server/src/rooms/admission-thread.ts';
import { versionNamed } from '../harness/puppet-room.ts';

const version = versionNamed('11');
const key = signingKeyFromSeed('one', newSigningKeySeed());
const known = { publicKey: key.publicKey, validUntil: 2_000, fromOrigin: true };
const keys = verifyKeysOf(new Map([['one.example', new Map([[key.keyId, known]])]]));
const expected = { version, room: undefined, yetToSign: undefined };
const thread = new AdmissionThread();
afterAll(() => thread.close());

function messageAt(originServerTs: number) {
  const template = {
    type: 'm.room.message',
    room_id: '!room:one.example',
    sender: '@alice:one.example',
    content: { body: 'hello' },
    origin_server_ts: originServerTs,
    depth: 5,
    prev_events: [],
    auth_events: [],
  } as const;
  return hashAndSignEvent({ ...template, prev_events: [], auth_events: [] }, version, 'one.example', key);
}

test('what is sound comes back as it was signed, in the order in which it was given', async () => {
  const events = [messageAt(1), messageAt(2)];
  const pdus = events.map(({ pdu }) => pdu);
  const results = await thread.check([pdus[0], 'no event', pdus[1]], expected, keys);
  expect(results).toMatchObject([
    { eventId: events[0]?.eventId, json: events[0]?.json, isRedacted: false, signers: new Set(['one.example']) },
    { fault: 'form', eventId: undefined },
    { eventId: events[1]?.eventId, pdu: { ...pdus[1] } },
  ]);
});

test('A1.18 a key counts up to the moment until which it was valid', async () => {
  const results = await thread.check([messageAt(2_000).pdu, messageAt(2_001).pdu], expected, keys);
  expect(results).toMatchObject([
    { isRedacted: false },
    { fault: 'unknown key', unverified: { key: { validAt: 2_001 } } },
  ]);
});

test('what cannot be checked fails for whoever asked, and for nobody else', async () => {
  const unknown = { ...expected, version: { ...version, id: 'of nobody' } };
  const [failed, done] = await Promise.allSettled([
    thread.check([messageAt(1).pdu], unknown, keys),
    thread.check([messageAt(1).pdu], expected, keys),
  ]);
  expect(failed).toMatchObject({ status: 'rejected', reason: { message: 'unknown room version of nobody' } });
  expect(done).toMatchObject({ status: 'fulfilled', value: [{ isRedacted: false }] });
});

test('whoever waits when the server stops is told so, and so is who comes later', async () => {
  const stopping = new AdmissionThread();
  const waiting = expect(stopping.check([messageAt(1).pdu], expected, keys)).rejects.toMatchObject({ status: 503 });
  await stopping.close();
  await waiting;
  await expect(stopping.check([], expected, keys)).rejects.toMatchObject({ status: 503 });
});
