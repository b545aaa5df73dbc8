import { generateKeyPairSync, sign } from 'node:crypto';
import { describe } from 'vitest';
import { canonicalJsonBytes } from '../../server/src/protocol/canonical-json.ts';
import type { JsonObject, JsonValue } from '../../server/src/protocol/json.ts';
import { creator, TestRoom } from './room-builder.ts';
import { describeRule, type RuleCases, type Scene, since } from './rule-cases.ts';

const alice = '@alice:a.example';
const bob = '@bob:b.example';
const carol = '@carol:c.example';

describe('rules for invites of third-party identifiers', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const otherKey = generateKeyPairSync('ed25519').publicKey;
  const base64 = (key: typeof publicKey) =>
    Buffer.from(key.export({ format: 'jwk' }).x as string, 'base64url')
      .toString('base64')
      .replace(/=+$/, '');
  const signatureOf = (content: JsonObject) =>
    sign(null, canonicalJsonBytes(content), privateKey).toString('base64').replace(/=+$/, '');
  const signed = (content: JsonObject) => ({
    ...content,
    signatures: { 'identity.example': { 'ed25519:0': signatureOf(content) } },
  });
  const proof = signed({ mxid: alice, token: 'token' });
  const threePid =
    (
      thirdPartyInvite: JsonValue,
      keys: JsonObject = { public_key: base64(publicKey) },
      more: { membership?: string; sender?: string } = {},
    ) =>
    (version: string): Scene => {
      const room = new TestRoom(version, {
        members: { [bob]: 'join', ...(more.membership && { [alice]: more.membership }) },
        powerLevels: { invite: 100 },
        state: [{ type: 'm.room.third_party_invite', sender: bob, state_key: 'token', content: keys }],
      });
      const content = { membership: 'invite', third_party_invite: thirdPartyInvite };
      return { room, event: room.member(alice, content, more.sender ?? bob) };
    };
  const good = { 'an invite that the identity server signed': threePid({ signed: proof }) };
  const cases: [string, string, RuleCases['allowed'], RuleCases['refused']][] = [
    [
      '5.4.1.1',
      'the invited user is not banned',
      { ...good, 'a user who left': threePid({ signed: proof }, undefined, { membership: 'leave' }) },
      { 'a banned user': threePid({ signed: proof }, undefined, { membership: 'ban' }) },
    ],
    [
      '5.4.1.2',
      'there is a signed part',
      good,
      { 'an invite without it': threePid({}), 'something that is no object': threePid('signed'), null: threePid(null) },
    ],
    [
      '5.4.1.3',
      'the signed part has mxid and token',
      good,
      {
        'no mxid': threePid({ signed: signed({ token: 'token' }) }),
        'no token': threePid({ signed: signed({ mxid: alice }) }),
        'a signed part that is no object': threePid({ signed: 'yes' }),
      },
    ],
    [
      '5.4.1.4',
      'mxid is the invited user',
      good,
      { 'another user': threePid({ signed: signed({ mxid: carol, token: 'token' }) }) },
    ],
    [
      '5.4.1.5',
      'the room has a third-party invite with the token',
      good,
      {
        'an unknown token': threePid({ signed: signed({ mxid: alice, token: 'other' }) }),
        'a token that is no string': threePid({ signed: signed({ mxid: alice, token: 1 }) }),
      },
    ],
    [
      '5.4.1.6',
      'the same user sent both',
      good,
      { 'another sender': threePid({ signed: proof }, undefined, { sender: creator }) },
    ],
    [
      '5.4.1.7',
      'a public key of the third-party invite made a signature',
      {
        'the only key': threePid({ signed: proof }),
        'one of several keys': threePid(
          { signed: proof },
          { public_key: base64(otherKey), public_keys: [{ public_key: '!' }, { public_key: base64(publicKey) }] },
        ),
        'one of several signatures': threePid({
          signed: {
            ...proof,
            signatures: { 'a.example': { 'ed25519:1': 'bad' }, ...proof.signatures },
          },
        }),
        'a signed part with unsigned data': threePid({ signed: { ...proof, unsigned: { age: 1 } } }),
      },
      {},
    ],
    [
      '5.4.1.8',
      'an invite without valid signature is refused',
      {},
      {
        'another key': threePid({ signed: proof }, { public_key: base64(otherKey) }),
        'no keys': threePid({ signed: proof }, { public_keys: [null, {}, { public_key: 1 }] }),
        'a changed signed part': threePid({ signed: { ...proof, more: true } }),
        'no signatures': threePid({ signed: { mxid: alice, token: 'token' } }),
        'signatures that are no objects': threePid({
          signed: { ...proof, signatures: { a: 1, b: null, c: { 'ed25519:1': 2 } } },
        }),
        'a key of another algorithm': threePid({
          signed: {
            ...proof,
            signatures: { a: { 'curve25519:0': signatureOf({ mxid: alice, token: 'token' }) } },
          },
        }),
        'more signatures and keys than an honest invite has': threePid(
          {
            signed: {
              ...proof,
              signatures: { ...many((i) => [`s${i}`, { 'ed25519:0': 'x' }]), ...proof.signatures },
            },
          },
          { public_key: base64(publicKey), public_keys: [...Array(20).keys()].map((i) => ({ public_key: `${i}` })) },
        ),
      },
    ],
  ];
  for (const [number, gist, allowed, refused] of cases)
    describeRule({ rule: since(1, number), gist, allowed, refused });
});

function many(entry: (i: number) => [string, JsonValue]): JsonObject {
  return Object.fromEntries([...Array(20).keys()].map(entry));
}
