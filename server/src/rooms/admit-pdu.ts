import { setImmediate } from 'node:timers/promises';
import type { VerifyKeys, WantedKey } from '../federation/key-ring.ts';
import { canonicalJson } from '../protocol/canonical-json.ts';
import { invalidParam, MatrixError, tooLarge } from '../protocol/errors.ts';
import type { Event, EventId, Pdu, RoomId, ServerName } from '../protocol/event.ts';
import { checkEventFormat } from '../protocol/event-format.ts';
import { essentialBytes, eventIdOf, roomIdOf, verifyContentHash } from '../protocol/event-hashes.ts';
import { cosignEvent, serversThatMustSign } from '../protocol/event-signing.ts';
import { serverNameOf } from '../protocol/identifiers.ts';
import { nearestSafeInteger } from '../protocol/json.ts';
import { redactEvent } from '../protocol/redaction.ts';
import type { RoomVersion } from '../protocol/room-versions.ts';
import { signatureKeyIds, verifySignedBytes } from '../protocol/signing.ts';
import type { LackedKey } from '../storage/waiting-pdus.ts';
import type { RoomParts } from './room-parts.ts';

/** A room's whole state may come at once: other requests get a turn between so many events. */
const PAUSE_EVERY = 50;
/** Events of a piece: their keys are fetched together. */
const SLICE = 500;
/** Node's thread pool has four threads, which are to have work while others use the event loop. */
const VERIFIED_AT_A_TIME = 256;

declare const verified: unique symbol;

/**
 * An event that has passed the checks every event must pass, whatever way it came in: its form, the signatures of the servers
 * that must sign it, and its content hash (else its content has been redacted). Only `admitPdus` makes one, and only such
 * events are written.
 */
export interface VerifiedPdu extends Event {
  readonly json: string;
  /** Its content did not fit its hash, so it has been redacted. */
  readonly isRedacted: boolean;
  /** Servers whose signature on the event has been verified. */
  readonly signers: ReadonlySet<ServerName>;
  readonly [verified]: true;
}

/** Why a PDU was not admitted. */
export interface RefusedPdu {
  /** `unknown key`: it may be sound, but the key cannot be had. */
  readonly fault: 'form' | 'signature' | 'unknown key';
  readonly reason: string;
  readonly eventId: EventId | undefined;
  /** With the fault `unknown key`: the event as it came, which nobody has verified, and what it takes to do so. */
  readonly unverified?: { readonly event: Event; readonly json: string; readonly key: LackedKey };
}

interface Checked {
  readonly pdu: Pdu;
  readonly json: string;
  readonly event: Event;
  readonly bytes: Buffer;
  readonly mustSign: readonly ServerName[];
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
  const pieces: Promise<(VerifiedPdu | RefusedPdu)[]>[] = [];
  const fetching: Promise<VerifyKeys>[] = [];
  let before: Promise<(VerifiedPdu | RefusedPdu)[]> = Promise.resolve([]);
  for (let from = 0; from < unverified.length; from += SLICE) {
    const checked: (Checked | RefusedPdu)[] = [];
    for (const value of unverified.slice(from, from + SLICE)) {
      if (checked.length % PAUSE_EVERY === PAUSE_EVERY - 1) await setImmediate();
      // Check 1: is it a valid event of the room version?
      checked.push(checkForm(version, value, room, yetToSign));
    }
    // While threads verify some, the form of others is checked; keys are fetched for all of them at the same time.
    const keys = parts.keyRing.fetch(wantedKeys(version, checked));
    before = Promise.all([keys, before]).then(([found]) => verifyAll(version, checked, found));
    // Whoever waits for the pieces gets to see it.
    before.catch(() => {});
    fetching.push(keys);
    pieces.push(before);
  }
  await Promise.all(fetching);
  return pieces;
}

function wantedKeys(version: RoomVersion, checked: readonly (Checked | RefusedPdu)[]): WantedKey[] {
  const wanted: WantedKey[] = [];
  for (const one of checked) {
    if ('reason' in one) continue;
    const validAt = keyTimeOf(one.pdu, version);
    for (const serverName of one.mustSign)
      for (const keyId of signatureKeyIds(one.pdu.signatures, serverName)) wanted.push({ serverName, keyId, validAt });
  }
  return wanted;
}

/** Checks 2 and 3: signatures and hash, of so many at a time that the threads which verify always have the next at hand. */
async function verifyAll(
  version: RoomVersion,
  checked: readonly (Checked | RefusedPdu)[],
  keys: VerifyKeys,
): Promise<(VerifiedPdu | RefusedPdu)[]> {
  const results: (VerifiedPdu | RefusedPdu)[] = [];
  const left = checked.entries();
  const verifyRest = async () => {
    for (const [index, one] of left) results[index] = 'reason' in one ? one : await verify(version, one, keys);
  };
  await Promise.all(Array.from({ length: Math.min(VERIFIED_AT_A_TIME, checked.length) }, verifyRest));
  return results;
}

/** When the keys of the event have to be valid; undefined where that does not matter. */
function keyTimeOf(pdu: Pdu, version: RoomVersion): number | undefined {
  return version.enforcesKeyValidity ? nearestSafeInteger(pdu.origin_server_ts) : undefined;
}

function checkForm(
  version: RoomVersion,
  value: unknown,
  room: RoomId | undefined,
  yetToSign: ServerName | undefined,
): Checked | RefusedPdu {
  const form = checkEventFormat(value, version);
  if (!form.ok) return { fault: 'form', reason: form.reason, eventId: undefined };
  const bytes = essentialBytes(form.pdu, version);
  const eventId = eventIdOf(form.pdu, version, bytes);
  const roomId = roomIdOf(form.pdu, eventId);
  if (room !== undefined && roomId !== room) return { fault: 'form', reason: 'the event is of another room', eventId };
  const event = { eventId, roomId, pdu: form.pdu };
  const mustSign = serversThatMustSign(form.pdu, version).filter(
    (server) => server !== yetToSign || server === serverNameOf(form.pdu.sender),
  );
  return { pdu: form.pdu, json: form.json, event, bytes, mustSign };
}

async function verify(version: RoomVersion, one: Checked, keys: VerifyKeys): Promise<VerifiedPdu | RefusedPdu> {
  const { eventId, roomId } = one.event;
  const validAt = keyTimeOf(one.pdu, version);
  // Check 2: has everybody signed it who must have?
  const verifying = one.mustSign.map((server) =>
    verifySignedBytes(one.bytes, one.pdu.signatures, server, (keyId) => keys.get(server, keyId, validAt)),
  );
  // Check 3, while that is found out: is its content what was signed?
  const isWhole = verifyContentHash(one.pdu);
  for (const [index, verification] of (await Promise.all(verifying)).entries()) {
    if (verification.ok) continue;
    const serverName = one.mustSign[index] as ServerName;
    const reason = `signature of ${serverName}: ${verification.reason}`;
    if (verification.reason !== 'unknown key') return { fault: 'signature', reason, eventId };
    const key = { serverName, keyIds: signatureKeyIds(one.pdu.signatures, serverName), validAt };
    return { fault: 'unknown key', reason, eventId, unverified: { event: one.event, json: one.json, key } };
  }
  const signers = new Set(one.mustSign);
  if (isWhole) return mark({ ...one.event, json: one.json, isRedacted: false, signers });
  // The signatures cover the redacted form only: content that does not fit its hash was changed on the way.
  const pdu = redactEvent(one.pdu, version);
  return mark({ eventId, roomId, pdu, json: canonicalJson(pdu), isRedacted: true, signers });
}

function mark(event: Omit<VerifiedPdu, typeof verified>): VerifiedPdu {
  return event as VerifiedPdu;
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
