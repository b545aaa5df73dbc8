import type { WantedKey } from '../federation/key-ring.ts';
import { canonicalJson } from '../protocol/canonical-json.ts';
import { MatrixError } from '../protocol/errors.ts';
import type { Event, Pdu, RoomId, ServerName } from '../protocol/event.ts';
import { checkEventFormat } from '../protocol/event-format.ts';
import { essentialBytes, eventIdOf, roomIdOf, verifyContentHash } from '../protocol/event-hashes.ts';
import { serversThatMustSign } from '../protocol/event-signing.ts';
import { redactEvent } from '../protocol/redaction.ts';
import type { RoomVersion } from '../protocol/room-versions.ts';
import { type KeyId, signatureKeyIds, verifySignedBytes } from '../protocol/signing.ts';
import type { RoomParts } from './room-parts.ts';

declare const verified: unique symbol;

/**
 * An event that has passed the checks every event must pass, whatever way it came in: its form, the signatures of the servers
 * that must sign it, and its content hash (else its content has been redacted). Only `admitPdus` makes one, and only such
 * events are written.
 */
export interface VerifiedPdu extends Event {
  readonly json: string;
  /** Servers whose signature on the event has been verified. */
  readonly signers: ReadonlySet<ServerName>;
  readonly [verified]: true;
}

/** A PDU as it came, and the reason why it was not admitted. */
export interface RefusedPdu {
  readonly reason: string;
  readonly eventId: string | undefined;
}

interface Checked {
  readonly pdu: Pdu;
  readonly json: string;
  readonly event: Event;
  readonly bytes: Buffer;
  readonly mustSign: readonly ServerName[];
}

/**
 * The one gate through which events of others come in (Server-Server API, "Checks performed on receipt of a PDU", steps 1–3).
 * Keys for all of them are fetched together.
 *
 * @param room what room they must be of; undefined where the caller checks that itself
 * @returns in the order of the input
 */
export async function admitPdus(
  parts: RoomParts,
  version: RoomVersion,
  unverified: readonly unknown[],
  room?: RoomId,
): Promise<(VerifiedPdu | RefusedPdu)[]> {
  const checked = unverified.map((value) => checkForm(version, value, room));
  const wanted: WantedKey[] = [];
  for (const one of checked) {
    if ('reason' in one) continue;
    const validAt = version.enforcesKeyValidity ? one.pdu.origin_server_ts : undefined;
    for (const serverName of one.mustSign)
      for (const keyId of signatureKeyIds(one.pdu.signatures, serverName)) wanted.push({ serverName, keyId, validAt });
  }
  const keys = await parts.keyRing.fetch(wanted);
  return checked.map((one) => ('reason' in one ? one : verify(version, one, keys)));
}

function checkForm(version: RoomVersion, value: unknown, room: RoomId | undefined): Checked | RefusedPdu {
  const form = checkEventFormat(value, version);
  if (!form.ok) return { reason: form.reason, eventId: undefined };
  const bytes = essentialBytes(form.pdu, version);
  const eventId = eventIdOf(form.pdu, version, bytes);
  const roomId = roomIdOf(form.pdu, eventId);
  if (room !== undefined && roomId !== room) return { reason: 'the event is of another room', eventId };
  const event = { eventId, roomId, pdu: form.pdu };
  return { pdu: form.pdu, json: form.json, event, bytes, mustSign: serversThatMustSign(form.pdu, version) };
}

function verify(
  version: RoomVersion,
  one: Checked,
  keys: Awaited<ReturnType<RoomParts['keyRing']['fetch']>>,
): VerifiedPdu | RefusedPdu {
  const { eventId, roomId } = one.event;
  const validAt = version.enforcesKeyValidity ? one.pdu.origin_server_ts : undefined;
  const signers = new Set<ServerName>();
  for (const server of one.mustSign) {
    const findKey = (keyId: KeyId) => {
      const key = keys.get(server, keyId, validAt);
      return key === undefined ? undefined : Buffer.from(key).toString('base64').replace(/=+$/, '');
    };
    const verification = verifySignedBytes(one.bytes, one.pdu.signatures, server, findKey);
    if (!verification.ok) return { reason: `signature of ${server}: ${verification.reason}`, eventId };
    signers.add(server);
  }
  if (verifyContentHash(one.pdu)) return mark({ eventId, roomId, pdu: one.pdu, json: one.json, signers });
  // The signatures cover the redacted form only: content that does not fit its hash was changed on the way.
  const pdu = redactEvent(one.pdu, version);
  return mark({ eventId, roomId, pdu, json: canonicalJson(pdu), signers });
}

function mark(event: Omit<VerifiedPdu, typeof verified>): VerifiedPdu {
  return event as VerifiedPdu;
}

export function isAdmitted(result: VerifiedPdu | RefusedPdu): result is VerifiedPdu {
  return !('reason' in result);
}

/** For a single event that has to be sound. @throws MatrixError 400 M_INVALID_PARAM, or 403 M_FORBIDDEN for a bad signature */
export async function admitPdu(
  parts: RoomParts,
  version: RoomVersion,
  unverified: unknown,
  room?: RoomId,
): Promise<VerifiedPdu> {
  const [result] = await admitPdus(parts, version, [unverified], room);
  if (result === undefined || !isAdmitted(result)) {
    const reason = result?.reason ?? 'no event';
    if (reason.startsWith('signature')) throw new MatrixError('M_FORBIDDEN', `The event was refused: ${reason}.`, 403);
    throw new MatrixError('M_INVALID_PARAM', `The event was refused: ${reason}.`, 400);
  }
  return result;
}
