/** Building, signing and co-signing events, and who has to have signed one (Server-Server API, "Signing Events"). */

import { findNonCanonical } from './canonical-json.ts';
import { badJson, tooLarge } from './errors.ts';
import type { Event, EventId, EventReference, Pdu, RoomId, ServerName, UserId } from './event.ts';
import { checkEventFormat, MAX_EVENT_DEPTH } from './event-format.ts';
import { contentHash, essentialBytes, eventIdOf, newEventId, roomIdOf } from './event-hashes.ts';
import { serverNameOf } from './identifiers.ts';
import { type JsonObject, NonCanonicalToken, type WideInteger } from './json.ts';
import { withPlainNumbers } from './loose-numbers.ts';
import type { RoomVersion } from './room-versions.ts';
import { type SigningKey, withSignature } from './signing.ts';

/** An event about to be sent: a PDU without what `hashAndSignEvent` adds to it. */
export interface UnsignedPdu extends JsonObject {
  type: string;
  /** Left out of an `m.room.create` whose room id is its hash. */
  room_id?: RoomId;
  sender: UserId;
  state_key?: string;
  content: JsonObject;
  /** Milliseconds since the epoch. */
  origin_server_ts: number;
  depth: WideInteger;
  prev_events: EventReference[];
  auth_events: EventReference[];
  redacts?: EventId;
}

declare const signedHere: unique symbol;

/** An event that this server has made and signed. Only `hashAndSignEvent` makes one. */
export interface SignedEvent extends Event {
  /** Canonical JSON of `pdu`: what is stored and sent. */
  readonly json: string;
  readonly [signedHere]: true;
}

/**
 * Makes an event of the template: hashes, signature and id. Only what this server composed itself may be passed, never what a
 * peer handed over. Throws the `MatrixError` that the client is to see when the event breaks the event format.
 */
export function hashAndSignEvent(
  template: UnsignedPdu,
  version: RoomVersion,
  serverName: ServerName,
  key: SigningKey,
): SignedEvent {
  const plain = version.strictCanonicalJson ? template : withPlainNumbers(template);
  const odd = findNonCanonical(plain, { maxDepth: MAX_EVENT_DEPTH, looseNumbers: !version.strictCanonicalJson });
  if (odd) throw badJson(`${odd.path}: ${odd.reason}`);
  const identified = version.eventIdInPdu ? { ...plain, event_id: newEventId(plain, serverName) } : plain;
  const hashed = { ...identified, hashes: { sha256: contentHash(identified) } };
  const bytes = essentialBytes(hashed, version);
  const signed = { ...hashed, signatures: withSignature({}, serverName, key.keyId, key.sign(bytes)) };
  const verdict = checkEventFormat(signed, version);
  if (!verdict.ok) throw verdict.fault === 'size' ? tooLarge(verdict.reason) : badJson(verdict.reason);
  const { pdu, json } = verdict;
  const eventId = eventIdOf(pdu, version, bytes);
  return { eventId, roomId: roomIdOf(pdu, eventId), pdu, json } as SignedEvent;
}

/**
 * Depth of an event that follows events of the given depths. A room at the limit of its version stays there; so does one that
 * has come to where numbers end, which nobody reaches by sending events one after the other.
 */
export function nextDepth(depths: readonly number[], version: RoomVersion): WideInteger {
  const deepest = Math.max(0, ...depths);
  if (deepest < Number.MAX_SAFE_INTEGER) return deepest + 1;
  return version.strictCanonicalJson ? deepest : new NonCanonicalToken('number', `${version.maxDepth}`);
}

/**
 * Adds this server's signature to an event of a peer: to an invite of one of our users, or to a join that one of our users
 * authorises. The caller has made sure that the event is exactly that.
 */
export function cosignEvent(pdu: Pdu, version: RoomVersion, serverName: ServerName, key: SigningKey): Pdu {
  const signature = key.sign(essentialBytes(pdu, version));
  return { ...pdu, signatures: withSignature(pdu.signatures, serverName, key.keyId, signature) };
}

/**
 * The servers whose signatures the event needs: that of its sender, whatever `origin` says, and that of the user who authorised
 * a restricted join. A third-party invite is signed by the identity server instead, which the auth rules check. A name that
 * belongs to no server, from a malformed user id, is in the list too: nobody can have signed for it.
 */
export function serversThatMustSign(pdu: Pdu, version: RoomVersion): ServerName[] {
  const servers = new Set<ServerName>();
  if (!isThirdPartyInvite(pdu)) servers.add(serverNameOf(pdu.sender));
  if (version.eventIdServerSigns && pdu.event_id !== undefined) servers.add(serverNameOf(pdu.event_id));
  if (version.restrictedJoins && pdu.type === 'm.room.member') {
    const authoriser = pdu.content.join_authorised_via_users_server;
    // What is no text names nobody, whose signature is always missing.
    if (authoriser !== undefined) servers.add(typeof authoriser === 'string' ? authoriser.replace(/^[^:]*:/, '') : '');
  }
  return [...servers];
}

function isThirdPartyInvite(pdu: Pdu): boolean {
  return (
    pdu.type === 'm.room.member' && pdu.content.membership === 'invite' && pdu.content.third_party_invite !== undefined
  );
}
