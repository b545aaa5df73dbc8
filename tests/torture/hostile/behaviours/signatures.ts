import { type Behaviour, FORGED } from '../scene.ts';
import { forgedLie, lie, newKey, refused, unseen } from '../sent-events.ts';

/** Events that their sender's server has not signed. */
export const signatureBehaviours: readonly Behaviour[] = [
  refused('A1.1 signs an event with another key than the one that it names', (situation) => [
    forgedLie(situation, {}, newKey('puppet')),
  ]),
  refused('A1.1 signs an event with a key that it does not publish', (situation) => [
    forgedLie(situation, {}, newKey('unheard')),
  ]),
  refused('A1.1 does not sign an event', (situation) => [{ ...lie(situation).pdu, signatures: {} }]),
  refused('A1.1 sends an event of alice that it signed itself', (situation) => [
    lie(situation, { sender: situation.alice.userId }).pdu,
  ]),
  refused('A1.1 sends an event of a third server’s user and claims to be its origin', (situation) => [
    { ...lie(situation, { sender: situation.friend.user('fred') }).pdu, origin: situation.hostile.serverName },
    forgedLie(situation, { sender: situation.friend.user('fred'), origin: situation.hostile.serverName }),
  ]),
  refused('A1.1 puts its own signature under a third server’s name', (situation) => {
    const { pdu } = lie(situation, { sender: situation.friend.user('fred') });
    const own = Object.values(pdu.signatures)[0] ?? {};
    return [{ ...pdu, signatures: { [situation.friend.serverName]: own } }];
  }),
  refused('A1.1 takes the signature of another event of its own', (situation) => {
    const other = situation.room.build({
      type: 'm.room.message',
      sender: situation.mallory,
      content: { body: 'other' },
    });
    return [{ ...lie(situation, { depth: 77 }).pdu, signatures: other.pdu.signatures }];
  }),
  refused('sends signatures that are no signatures', (situation) =>
    [
      null,
      [],
      'x',
      { [situation.hostile.serverName]: [] },
      { [situation.hostile.serverName]: { 'ed25519:puppet': 7 } },
    ].map((signatures) => ({ ...lie(situation).pdu, signatures })),
  ),
  unseen('changes the content of an event after it was hashed', (situation) => {
    const { pdu } = lie(situation, { content: { msgtype: 'm.text', body: 'innocent' } });
    return [{ ...pdu, content: { msgtype: 'm.text', body: FORGED } }];
  }),
  refused('A1.1 has a restricted join that its named authoriser’s server did not sign', (situation) => {
    const { room, hostile, alice } = situation;
    const eve = hostile.user('eve');
    const content = { membership: 'join', join_authorised_via_users_server: alice.userId, note: FORGED };
    return [room.build({ type: 'm.room.member', sender: eve, stateKey: eve, content }).pdu];
  }),
];
