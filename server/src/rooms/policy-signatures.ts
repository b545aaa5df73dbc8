import { FederationError } from '../federation/federation-error.ts';
import type { CallOptions } from '../federation/signed-request.ts';
import { forbidden, MatrixError } from '../protocol/errors.ts';
import type { Event, EventId, Pdu } from '../protocol/event.ts';
import {
  isSignedByPolicyServer,
  needsPolicySignature,
  type PolicyServer,
  withPolicySignature,
} from '../protocol/policy-server.ts';
import type { RoomVersion } from '../protocol/room-versions.ts';
import { roomHead } from '../storage/rooms.ts';
import { acceptEvent } from './accept-event.ts';
import { admitAnswer, type VerifiedPdu, withPolicySignatureOf } from './admit-pdu.ts';
import type { OpenRoom } from './open-room.ts';
import { type AwaitsPolicyServer, policyServerOf } from './policy-server.ts';
import type { RoomParts } from './room-parts.ts';

const DEADLINE_MS = 10_000;

/** No signature is to be had, for a reason that we have found ourselves. */
class PolicyRefusal extends MatrixError {}

/**
 * Asks the policy server to sign an event of ours (Server-Server API, "Asking for a Policy Server signature on an event").
 *
 * @throws MatrixError what the policy server refused it with; M_UNKNOWN 502 where it gave no valid signature
 */
export async function signByPolicyServer(
  parts: RoomParts,
  version: RoomVersion,
  { policy, event }: Pick<AwaitsPolicyServer, 'policy' | 'event'>,
): Promise<VerifiedPdu> {
  const signed = await ask(parts, version, policy, event.pdu, { ignoreBackoff: true });
  return await admitAnswer(parts, version, signed, event);
}

/** Adds an event that the policy server has signed; what came meanwhile makes it a fork. @throws MatrixError M_FORBIDDEN */
export async function acceptSigned(
  parts: RoomParts,
  open: OpenRoom,
  event: VerifiedPdu,
  origin: AwaitsPolicyServer['origin'],
): Promise<{ eventId: EventId }> {
  const taken = await acceptEvent(parts, open, event, { passOn: true, origin });
  if (taken.outcome !== 'accepted' && taken.outcome !== 'known')
    throw forbidden(('reason' in taken ? taken.reason : undefined) ?? 'The room has changed meanwhile.');
  return { eventId: event.eventId };
}

/**
 * An event of another server with the signature of the room's policy server, which is asked where it is lacking: its key may
 * have changed, or the sender's server does not know of it. Without a signature it is as it was, and admission will say so.
 */
export async function withRoomPolicy(
  parts: RoomParts,
  room: { readonly nid: number; readonly version: RoomVersion },
  event: VerifiedPdu,
  options: CallOptions = {},
): Promise<VerifiedPdu> {
  if (!needsPolicySignature(event.pdu)) return event;
  const head = await roomHead(parts.db, room.nid);
  if (head?.currentState == null) return event;
  const policy = await policyServerOf(parts, room.nid, await parts.snapshots.load(head.currentState));
  if (policy === undefined || isSignedByPolicyServer(event.pdu, room.version, policy)) return event;
  try {
    return withPolicySignatureOf(room.version, event, await ask(parts, room.version, policy, event.pdu, options));
  } catch (error) {
    // It refuses, cannot be reached or answers nonsense: the event stays without its signature.
    if (error instanceof FederationError || error instanceof PolicyRefusal) return event;
    throw error;
  }
}

async function ask(
  parts: RoomParts,
  version: RoomVersion,
  policy: PolicyServer,
  pdu: Event['pdu'],
  options: CallOptions,
): Promise<Pdu> {
  if (policy.serverName === parts.serverName)
    throw new PolicyRefusal('M_FORBIDDEN', 'This server is not a policy server.', 403);
  const request = { event: pdu };
  const answer = await parts.federation.policySign(policy.serverName, request, { deadlineMs: DEADLINE_MS, ...options });
  const signed = withPolicySignature(pdu, version, policy, answer);
  if (signed === undefined) throw new PolicyRefusal('M_UNKNOWN', 'The policy server gave no valid signature.', 502);
  return signed;
}
