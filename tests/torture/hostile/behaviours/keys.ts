import { expect } from 'vitest';
import { PuppetRoom } from '../../../harness/puppet-room.ts';
import { keyAnswer, type PuppetServer } from '../../../harness/puppet-server.ts';
import { endless } from '../bad-answers.ts';
import { forge } from '../forge.ts';
import { requestText, statusOf } from '../raw-connection.ts';
import { type Behaviour, FORGED, type Situation } from '../scene.ts';
import { newKey } from '../sent-events.ts';

const DAY_MS = 86_400_000;

/** A peer that answers so when it is asked for its keys is not believed to be who it is. */
function notBelieved(title: string, answersOf: (peer: PuppetServer, situation: Situation) => unknown[]): Behaviour {
  return {
    title,
    async attack(situation) {
      const { length } = answersOf(situation.hostile, situation);
      for (let n = 0; n < length; n++) {
        const peer = await situation.newPeer();
        peer.answers.set('server', () => answersOf(peer, situation)[n]);
        const answer = await peer.call(situation.victim, 'PUT', '/v1/send/1', { pdus: [] });
        expect(answer.status, answer.text).toBe(401);
      }
    },
  };
}

/** A peer joins the room and then says something that is signed with this key at that time. */
async function sayWith(
  situation: Situation,
  publish: (peer: PuppetServer) => unknown,
  signed: { key: (peer: PuppetServer) => Parameters<typeof forge>[3]; at: number },
) {
  const peer = await situation.newPeer();
  peer.answers.set('server', () => publish(peer));
  const room = await PuppetRoom.join(peer, situation.victim, situation.roomId, peer.user('eve'));
  const { pdu } = room.build({ type: 'm.room.message', sender: peer.user('eve'), content: { body: FORGED } });
  const text = forge({ ...pdu, origin_server_ts: signed.at }, room.version, peer.serverName, signed.key(peer));
  const answer = await peer.callWithText(situation.victim, 'PUT', '/v1/send/1', `{"pdus":[${text}]}`);
  for (const result of Object.values(answer.body.pdus)) expect(result).toHaveProperty('error');
}

/** Keys that are not what they seem. */
export const keyBehaviours: readonly Behaviour[] = [
  notBelieved('A1.18 publishes another key at every request', (peer) => {
    const other = newKey('puppet');
    return [keyAnswer(peer.serverName, [other])];
  }),
  notBelieved(
    'A1.18 answers with the keys of another server, and with keys that nobody has signed',
    (peer, { friend }) => [
      keyAnswer(friend.serverName, [peer.key]),
      { ...keyAnswer(peer.serverName, [peer.key]), signatures: {} },
      { ...keyAnswer(peer.serverName, [peer.key]), valid_until_ts: Date.now() + 2 * DAY_MS },
    ],
  ),
  notBelieved('answers with a thousand keys, with none, and with what are no keys', (peer) => {
    const { key } = peer;
    const many = Array.from({ length: 1000 }, (_, n) => [`ed25519:many${n}`, { key: key.publicKey }]);
    const verifyKeys = { ...Object.fromEntries(many), [key.keyId]: { key: key.publicKey } };
    return [
      keyAnswer(peer.serverName, [key], { verify_keys: verifyKeys }),
      keyAnswer(peer.serverName, [key], { verify_keys: {} }),
      keyAnswer(peer.serverName, [key], { verify_keys: { [key.keyId]: { key: `${key.publicKey}AAAA` } } }),
      { server_name: peer.serverName, verify_keys: null, old_verify_keys: 7, valid_until_ts: 'soon' },
      [],
      'keys',
    ];
  }),
  notBelieved('A5.3 answers the request for its keys without end', () => [endless('application/json', ' ')]),
  notBelieved('A1.18 publishes keys that are valid no more', (peer) => [
    keyAnswer(peer.serverName, [peer.key], { valid_until_ts: Date.now() - DAY_MS }),
    keyAnswer(peer.serverName, [newKey('new')], {
      old_verify_keys: { [peer.key.keyId]: { key: peer.key.publicKey, expired_ts: Date.now() - DAY_MS } },
    }),
  ]),
  {
    title: 'A1.18 signs an event with a key that had expired when it was made',
    async attack(situation) {
      const old = newKey('old');
      const expired = { old_verify_keys: { [old.keyId]: { key: old.publicKey, expired_ts: Date.now() - DAY_MS } } };
      await sayWith(situation, (peer) => keyAnswer(peer.serverName, [peer.key], expired), {
        key: () => old,
        at: Date.now(),
      });
    },
  },
  {
    title: 'A1.18 says that its keys count for ten years, and makes an event of that time',
    async attack(situation) {
      const lasting = { valid_until_ts: Date.now() + 3650 * DAY_MS };
      await sayWith(situation, (peer) => keyAnswer(peer.serverName, [peer.key], lasting), {
        key: (peer) => peer.key,
        at: Date.now() + 3000 * DAY_MS,
      });
    },
  },
  {
    title: 'A1.18 asks the victim as a notary about ten thousand servers',
    async attack({ victim, size }) {
      const names = Array.from({ length: size(10_000) }, (_, n) => `127.0.0.1:${n + 1}`);
      const body = JSON.stringify({ server_keys: Object.fromEntries(names.map((name) => [name, {}])) });
      const headers = { 'content-type': 'application/json', 'content-length': String(body.length) };
      // Whom it does not know it need not ask: not one answer is about them.
      expect(await statusOf(victim, requestText('POST /_matrix/key/v2/query', headers, body))).toBe(200);
    },
  },
];
