/** The thread of `admission-thread.ts`. */

import { parentPort } from 'node:worker_threads';
import { verifyKeysOf } from '../federation/verify-keys.ts';
import { roomVersion } from '../protocol/room-versions.ts';
import { verifySignedBytesAtOnce } from '../protocol/signing.ts';
import type { CheckAnswer, CheckRequest, SoundText } from './admission-thread.ts';
import { checkForm, concludeCheck, type Expected, keyFor, type RefusedPdu } from './check-pdu.ts';

parentPort?.on('message', (request: CheckRequest) => parentPort?.postMessage(answer(request)));

/** A failure is the asker's alone: others have their events checked by this thread too. */
function answer({ id, values, versionId, room, yetToSign, keys }: CheckRequest): CheckAnswer {
  try {
    const version = roomVersion(versionId);
    if (version === undefined) throw new Error(`unknown room version ${versionId}`);
    return { id, results: checkAll(values, { version, room, yetToSign }, keys) };
  } catch (error) {
    return { id, error };
  }
}

function checkAll(
  values: readonly unknown[],
  expected: Expected,
  known: CheckRequest['keys'],
): (SoundText | RefusedPdu)[] {
  const keys = verifyKeysOf(known);
  return values.map((value) => {
    const one = checkForm(value, expected);
    if ('reason' in one) return one;
    const verifications = one.mustSign.map((server) =>
      verifySignedBytesAtOnce(one.bytes, one.event.pdu.signatures, server, keyFor(keys, server, one)),
    );
    const result = concludeCheck(one, verifications, expected.version);
    if ('reason' in result) return result;
    const { eventId, roomId, json, isRedacted, signers } = result;
    return { eventId, roomId, json, isRedacted, signers: [...signers] };
  });
}
