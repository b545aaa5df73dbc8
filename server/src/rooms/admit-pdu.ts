import { setImmediate } from 'node:timers/promises';
import type { WantedKey } from '../federation/key-ring.ts';
import type { VerifyKeys } from '../federation/verify-keys.ts';
import { invalidParam, MatrixError, tooLarge } from '../protocol/errors.ts';
import type { Event, Pdu, RoomId, ServerName } from '../protocol/event.ts';
import { checkEventFormat } from '../protocol/event-format.ts';
import { cosignEvent, serversThatMustSign } from '../protocol/event-signing.ts';
import { isGivenEventId, isUserId } from '../protocol/identifiers.ts';
import { holdsToken, isJsonObject, NonCanonicalToken } from '../protocol/json.ts';
import type { RoomVersion } from '../protocol/room-versions.ts';
import { signatureKeyIds, verifySignedBytes } from '../protocol/signing.ts';
import {
  checkForm,
  concludeCheck,
  type Expected,
  keyFor,
  keyTimeOf,
  type RefusedPdu,
  type SoundPdu,
  type WellFormedPdu,
} from './check-pdu.ts';
import type { RoomParts } from './room-parts.ts';

/** A room's whole state may come at once: other requests get a turn between so many events. */
const PAUSE_EVERY = 50;
/** Events of a piece: their keys are fetched together. */
const SLICE = 500;
/** Pieces that are checked at a time, so that the thread that does it always has the next at hand. */
const SLICES_AT_A_TIME = 3;
/** More events at a time than these are worth a thread of their own; a transaction has at most 50. */
const FEW = 200;

declare const verified: unique symbol;

/**
 * An event that has passed the checks every event must pass, whatever way it came in. Only `admitPdus` makes one, and only such
 * events are written.
 */
export interface VerifiedPdu extends SoundPdu {
  readonly [verified]: true;
}

/**
 * The one gate through which events of others come in (Server-Server API, "Checks performed on receipt of a PDU", checks 1–3).
 *
 * @param room what room they must be of; undefined where the caller checks that itself
 * @param yetToSign server whose signature is going to be added: it is asked for only of its own users
 * @returns in the order of the input
 */
export async function admitPdus(
  parts: RoomParts,
  version: RoomVersion,
  unverified: readonly unknown[],
  room?: RoomId,
  yetToSign?: ServerName,
): Promise<(VerifiedPdu | RefusedPdu)[]> {
  return (await Promise.all(await beginAdmission(parts, version, unverified, room, yetToSign))).flat();
}

/**
 * The same for many events, of which the first can be worked with while the others are verified. Resolves when all keys are
 * there that can be had: after that nobody else is waited for.
 *
 * @returns pieces, in the order of the input
 */
export async function beginAdmission(
  parts: RoomParts,
  version: RoomVersion,
  unverified: readonly unknown[],
  room?: RoomId,
  yetToSign?: ServerName,
): Promise<Promise<(VerifiedPdu | RefusedPdu)[]>[]> {
  const expected = { version, room, yetToSign };
  const pieces: Promise<(VerifiedPdu | RefusedPdu)[]>[] = [];
  const fetching: Promise<VerifyKeys>[] = [];
  for (let from = 0; from < unverified.length; from += SLICE) {
    if (from > 0) await setImmediate();
    const values = unverified.slice(from, from + SLICE);
    const inThread = unverified.length > FEW && !values.some(holdsToken);
    const check = inThread ? parts.admissionThread.check.bind(parts.admissionThread) : checkHere;
    const keys = parts.keyRing.fetch(values.flatMap((value) => wantedKeys(value, version)));
    const piece = Promise.all([keys, pieces.at(-SLICES_AT_A_TIME)]).then(async ([found]) =>
      (await check(values, expected, found)).map((result) => ('reason' in result ? result : mark(result))),
    );
    // Whoever waits for the pieces gets to see it.
    piece.catch(() => {});
    fetching.push(keys);
    pieces.push(piece);
  }
  await Promise.all(fetching);
  return pieces;
}

/** The keys with which those have signed who must sign the event, whose form nobody has checked yet. */
function wantedKeys(value: unknown, version: RoomVersion): WantedKey[] {
  if (!isJsonObject(value) || !isUserId(value.sender) || !isJsonObject(value.content)) return [];
  if (version.eventIdServerSigns && !isGivenEventId(value.event_id)) return [];
  const { origin_server_ts: ts } = value;
  if (typeof ts !== 'number' && !(ts instanceof NonCanonicalToken)) return [];
  const pdu = value as Pdu;
  const validAt = keyTimeOf(pdu, version);
  return serversThatMustSign(pdu, version).flatMap((serverName) =>
    signatureKeyIds(pdu.signatures, serverName).map((keyId) => ({ serverName, keyId, validAt })),
  );
}

/** Checks 1 to 3 of a few events, whose signatures Node's thread pool verifies. */
async function checkHere(
  values: readonly unknown[],
  expected: Expected,
  keys: VerifyKeys,
): Promise<(SoundPdu | RefusedPdu)[]> {
  const results: Promise<SoundPdu | RefusedPdu>[] = [];
  for (const value of values) {
    if (results.length % PAUSE_EVERY === PAUSE_EVERY - 1) await setImmediate();
    const one = checkForm(value, expected);
    results.push('reason' in one ? Promise.resolve(one) : verifyAside(one, keys, expected.version));
  }
  return await Promise.all(results);
}

async function verifyAside(one: WellFormedPdu, keys: VerifyKeys, version: RoomVersion): Promise<SoundPdu | RefusedPdu> {
  const { signatures } = one.event.pdu;
  const verifying = one.mustSign.map((server) =>
    verifySignedBytes(one.bytes, signatures, server, keyFor(keys, server, one)),
  );
  return concludeCheck(one, await Promise.all(verifying), version);
}

function mark(sound: SoundPdu): VerifiedPdu {
  return sound as VerifiedPdu;
}

export function isAdmitted(result: VerifiedPdu | RefusedPdu): result is VerifiedPdu {
  return !('reason' in result);
}

/**
 * Adds our signature to a peer's event. The caller has found it to be exactly an invite of one of our users, or a join that one
 * of them authorises (A1.3, A4.6).
 */
export function cosignPdu(parts: RoomParts, version: RoomVersion, event: VerifiedPdu): VerifiedPdu {
  const form = checkEventFormat(cosignEvent(event.pdu, version, parts.serverName, parts.signingKey), version);
  if (!form.ok) throw tooLarge('The event is too large to be signed.');
  return mark({ ...event, pdu: form.pdu, json: form.json, signers: new Set([...event.signers, parts.serverName]) });
}

/** The event with the signature of the room's policy server, which has been verified: `pdu` is the same but for that. */
export function withPolicySignatureOf(version: RoomVersion, event: VerifiedPdu, pdu: Pdu): VerifiedPdu {
  const form = checkEventFormat(pdu, version);
  return form.ok ? mark({ ...event, pdu: form.pdu, json: form.json }) : event;
}

/** For a single event that has to be sound. @throws MatrixError M_INVALID_PARAM */
export async function admitPdu(
  parts: RoomParts,
  version: RoomVersion,
  unverified: unknown,
  room?: RoomId,
  yetToSign?: ServerName,
): Promise<VerifiedPdu> {
  const [result] = await admitPdus(parts, version, [unverified], room, yetToSign);
  if (result === undefined || !isAdmitted(result))
    throw invalidParam(`The event is not sound: ${result?.reason ?? 'there is none'}.`);
  return result;
}

/** For the event that a server answered with, which must be the one that we sent it. @throws MatrixError M_UNKNOWN 502 */
export async function admitAnswer(
  parts: RoomParts,
  version: RoomVersion,
  answer: unknown,
  sent: Event,
): Promise<VerifiedPdu> {
  const [result] = await admitPdus(parts, version, [answer], sent.roomId);
  if (result === undefined || !isAdmitted(result) || result.eventId !== sent.eventId || result.isRedacted)
    throw new MatrixError('M_UNKNOWN', 'The other server did not answer with the event that it was sent.', 502);
  return result;
}
