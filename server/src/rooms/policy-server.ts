import { type Pdu, stateKey } from '../protocol/event.ts';
import type { SignedEvent } from '../protocol/event-signing.ts';
import {
  isSignedByPolicyServer,
  needsPolicySignature,
  type PolicyServer,
  readPolicyServer,
} from '../protocol/policy-server.ts';
import { serverIsJoined } from '../storage/memberships.ts';
import { type Snapshot, snapshotGet } from '../storage/state-snapshots.ts';
import type { OpenRoom } from './open-room.ts';
import type { RoomParts } from './room-parts.ts';

/**
 * The policy server of a room in its current state (Server-Server API, "Determining if a Policy Server is enabled in a room"):
 * undefined where none is named, or where the one named has nobody in the room. Costs rooms without one nothing.
 */
export async function policyServerOf(
  parts: RoomParts,
  roomNid: number,
  state: Snapshot | undefined,
): Promise<PolicyServer | undefined> {
  // Made once and then known: to look for a pair that nobody has used yet would be a question to the database each time.
  const [key] = await parts.stateKeys.intern([stateKey('m.room.policy', '')]);
  const nid = key === undefined ? undefined : snapshotGet(state, key);
  if (nid === undefined) return undefined;
  const policy = readPolicyServer((await parts.events.byNid([nid])).get(nid)?.pdu.content);
  return policy !== undefined && (await serverIsJoined(parts.db, roomNid, policy.serverName)) ? policy : undefined;
}

/** Whether the policy server of the room as it is now, if there is one, has signed an event, or need not. */
export async function isSanctioned(parts: RoomParts, open: OpenRoom, pdu: Pdu): Promise<boolean> {
  const policy = await policyServerOf(parts, open.room.nid, open.state);
  return policy === undefined || !needsPolicySignature(pdu) || isSignedByPolicyServer(pdu, open.version, policy);
}

/**
 * Thrown in place of adding an event of ours to a room with a policy server: that server has to be asked first, and not while
 * the room is locked. The room writer does so and goes on with the event.
 */
export class AwaitsPolicyServer extends Error {
  readonly policy: PolicyServer;
  readonly event: SignedEvent;
  readonly origin: { readonly deviceId: string | null; readonly transactionId: string | null };

  constructor(policy: PolicyServer, event: SignedEvent, origin: AwaitsPolicyServer['origin']) {
    super('the policy server of the room has to be asked');
    this.policy = policy;
    this.event = event;
    this.origin = origin;
  }
}

/**
 * Puts an event of ours that the policy server of the room has to sign off until it has.
 *
 * @throws AwaitsPolicyServer, and MatrixError M_FORBIDDEN when the room itself refuses the event
 */
export async function awaitPolicyServer(
  parts: RoomParts,
  open: OpenRoom,
  event: SignedEvent,
  draft: { readonly deviceId?: string; readonly transactionId?: string },
): Promise<void> {
  const policy = await policyServerOf(parts, open.room.nid, open.state);
  if (policy === undefined || !needsPolicySignature(event.pdu)) return;
  await open.check(event);
  const { deviceId, transactionId } = draft;
  throw new AwaitsPolicyServer(policy, event, { deviceId: deviceId ?? null, transactionId: transactionId ?? null });
}
