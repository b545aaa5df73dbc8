import { expect } from 'vitest';
import { newSigningKeySeed, type SigningKey, signingKeyFromSeed } from '../../../server/src/protocol/signing.ts';
import type { PuppetDraft } from '../../harness/puppet-room.ts';
import { forge } from './forge.ts';
import { type Behaviour, FORGED, type Situation } from './scene.ts';

/** What a hostile server puts into a transaction: a PDU, or JSON text that may not be one. */
type Made = unknown;

/**
 * A behaviour that sends events which must be refused, in one transaction with a good one, which must not suffer from it
 * (A1.6). What they say must not be seen; where it has an id, the answer must name the error.
 */
export function refused(title: string, make: (situation: Situation) => Made[] | Promise<Made[]>): Behaviour {
  return { title, attack: (situation) => sendAmongGood(situation, make, true) };
}

/** The same for events that are taken in, but must not be seen. */
export function unseen(title: string, make: (situation: Situation) => Made[] | Promise<Made[]>): Behaviour {
  return { title, attack: (situation) => sendAmongGood(situation, make, false) };
}

async function sendAmongGood(
  situation: Situation,
  make: (situation: Situation) => Made[] | Promise<Made[]>,
  areRefused: boolean,
): Promise<void> {
  const bad = await make(situation);
  const { room, mallory } = situation;
  const good = room.build({ type: 'm.room.message', sender: mallory, content: { msgtype: 'm.text', body: 'fine' } });
  const { [good.eventId]: ofGood, ...ofBad } = await situation.send([...bad, good.pdu]);
  expect(ofGood, 'what became of the good event').toEqual({});
  if (!areRefused) return;
  for (const result of Object.values(ofBad)) expect(result, 'what became of the bad event').toHaveProperty('error');
}

/** A message of mallory's that must not be seen, or whatever else the draft makes of it. */
export function lie({ room, mallory }: Situation, draft: Partial<PuppetDraft> = {}) {
  return room.build({
    type: 'm.room.message',
    sender: mallory,
    content: { msgtype: 'm.text', body: FORGED },
    ...draft,
  });
}

/** The same with changes that need not be legal, signed all the same. */
export function forgedLie(situation: Situation, changes: object, key: SigningKey = situation.hostile.key): string {
  const { room, hostile } = situation;
  return forge({ ...lie(situation).pdu, ...changes }, room.version, hostile.serverName, key);
}

export function newKey(version: string): SigningKey {
  return signingKeyFromSeed(version, newSigningKeySeed());
}
