/**
 * Checks 1 to 3 on an event of another server, in whatever thread (Server-Server API, "Checks performed on receipt of a PDU").
 * That something has passed them counts only where `admit-pdu.ts` says so.
 */

import type { VerifyKeys } from '../federation/verify-keys.ts';
import { canonicalJson } from '../protocol/canonical-json.ts';
import type { Event, EventId, Pdu, RoomId, ServerName } from '../protocol/event.ts';
import { checkEventFormat } from '../protocol/event-format.ts';
import { essentialBytes, eventIdOf, roomIdOf, verifyContentHash } from '../protocol/event-hashes.ts';
import { serversThatMustSign } from '../protocol/event-signing.ts';
import { serverNameOf } from '../protocol/identifiers.ts';
import { nearestSafeInteger } from '../protocol/json.ts';
import { redactEvent } from '../protocol/redaction.ts';
import type { RoomVersion } from '../protocol/room-versions.ts';
import { type FindKey, signatureKeyIds, type Verification } from '../protocol/signing.ts';
import type { LackedKey } from '../storage/waiting-pdus.ts';

/** What an event is held against. */
export interface Expected {
  readonly version: RoomVersion;
  /** What room it must be of; undefined where the caller checks that itself. */
  readonly room: RoomId | undefined;
  /** Server whose signature is going to be added: it is asked for only of its own users. */
  readonly yetToSign: ServerName | undefined;
}

/** An event that has passed: its form, the signatures of the servers that must sign it, and its content hash. */
export interface SoundPdu extends Event {
  readonly json: string;
  /** Its content did not fit its hash, so it has been redacted. */
  readonly isRedacted: boolean;
  /** Servers whose signature on the event has been verified. */
  readonly signers: ReadonlySet<ServerName>;
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

/** An event whose form is right. */
export interface WellFormedPdu {
  readonly event: Event;
  readonly json: string;
  /** What signatures cover. */
  readonly bytes: Buffer;
  readonly mustSign: readonly ServerName[];
  /** When the keys of its signers have to be valid; undefined where that does not matter. */
  readonly keyTime: number | undefined;
  /** Its content is what its hash says. */
  readonly isWhole: boolean;
}

/** Check 1: is it a valid event of the room version? */
export function checkForm(value: unknown, { version, room, yetToSign }: Expected): WellFormedPdu | RefusedPdu {
  const form = checkEventFormat(value, version);
  if (!form.ok) return { fault: 'form', reason: form.reason, eventId: undefined };
  const { pdu, json, members } = form;
  const bytes = essentialBytes(pdu, version, members);
  const eventId = eventIdOf(pdu, version, bytes);
  const roomId = roomIdOf(pdu, eventId);
  if (room !== undefined && roomId !== room) return { fault: 'form', reason: 'the event is of another room', eventId };
  const mustSign = serversThatMustSign(pdu, version).filter(
    (server) => server !== yetToSign || server === serverNameOf(pdu.sender),
  );
  const event = { eventId, roomId, pdu };
  return { event, json, bytes, mustSign, keyTime: keyTimeOf(pdu, version), isWhole: verifyContentHash(pdu, members) };
}

export function keyTimeOf(pdu: Pick<Pdu, 'origin_server_ts'>, version: RoomVersion): number | undefined {
  return version.enforcesKeyValidity ? nearestSafeInteger(pdu.origin_server_ts) : undefined;
}

/** The key with which a server has signed an event. */
export function keyFor(keys: VerifyKeys, server: ServerName, { keyTime }: WellFormedPdu): FindKey {
  return (keyId) => keys.get(server, keyId, keyTime);
}

/**
 * Check 2: has everybody signed it who must have? Check 3: is its content what was signed?
 *
 * @param verifications of the signatures of `mustSign`, in that order
 */
export function concludeCheck(
  one: WellFormedPdu,
  verifications: readonly Verification[],
  version: RoomVersion,
): SoundPdu | RefusedPdu {
  const { event, json } = one;
  const { eventId, roomId, pdu } = event;
  for (const [index, verification] of verifications.entries()) {
    if (verification.ok) continue;
    const serverName = one.mustSign[index] as ServerName;
    const reason = `signature of ${serverName}: ${verification.reason}`;
    if (verification.reason !== 'unknown key') return { fault: 'signature', reason, eventId };
    const key = { serverName, keyIds: signatureKeyIds(pdu.signatures, serverName), validAt: one.keyTime };
    return { fault: 'unknown key', reason, eventId, unverified: { event, json, key } };
  }
  const signers = new Set(one.mustSign);
  if (one.isWhole) return { ...event, json, isRedacted: false, signers };
  // The signatures cover the redacted form only: content that does not fit its hash was changed on the way.
  const redacted = redactEvent(pdu, version);
  return { eventId, roomId, pdu: redacted, json: canonicalJson(redacted), isRedacted: true, signers };
}
