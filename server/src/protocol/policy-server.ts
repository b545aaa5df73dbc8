/** Policy servers (Server-Server API, same section): which signature an event of a room that has one needs. */

import type { Pdu, ServerName } from './event.ts';
import { essentialBytes } from './event-hashes.ts';
import { isServerName } from './identifiers.ts';
import { isJsonObject } from './json.ts';
import type { RoomVersion } from './room-versions.ts';
import { type KeyId, readSignatures, verifySignature, withSignature } from './signing.ts';

/** What a valid `m.room.policy` says. */
export interface PolicyServer {
  readonly serverName: ServerName;
  /** Ed25519, unpadded base64. */
  readonly publicKey: string;
}

const KEY_ID: KeyId = 'ed25519:policy_server';

/** The policy server that the content of an `m.room.policy` names; undefined when it is not valid. */
export function readPolicyServer(content: unknown): PolicyServer | undefined {
  if (!isJsonObject(content) || !isServerName(content.via) || !isJsonObject(content.public_keys)) return undefined;
  const { ed25519: publicKey } = content.public_keys;
  return typeof publicKey === 'string' ? { serverName: content.via, publicKey } : undefined;
}

/** All events need the signature but the one by which a room chooses its policy server or does without. */
export function needsPolicySignature({ type, state_key: key }: Pick<Pdu, 'type' | 'state_key'>): boolean {
  return !(type === 'm.room.policy' && key === '');
}

/** Whether the policy server has signed the event. */
export function isSignedByPolicyServer(pdu: Pdu, version: RoomVersion, policy: PolicyServer): boolean {
  const signature = readSignatures(pdu.signatures)[policy.serverName]?.[KEY_ID];
  return signature !== undefined && verifySignature(essentialBytes(pdu, version), signature, policy.publicKey);
}

/**
 * The event with the signature that the policy server has answered with; other signatures stay.
 *
 * @returns undefined where the answer holds no valid signature
 */
export function withPolicySignature(
  pdu: Pdu,
  version: RoomVersion,
  policy: PolicyServer,
  answer: unknown,
): Pdu | undefined {
  const signature = readSignatures(answer)[policy.serverName]?.[KEY_ID];
  if (signature === undefined) return undefined;
  const signed = { ...pdu, signatures: withSignature(pdu.signatures, policy.serverName, KEY_ID, signature) };
  return isSignedByPolicyServer(signed, version, policy) ? signed : undefined;
}
