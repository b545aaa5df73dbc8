import { isCanonical } from '../protocol/canonical-json.ts';
import { type Pdu, type RoomId, type ServerName, stateKey, type UserId } from '../protocol/event.ts';
import { isUserId, serverNameOf } from '../protocol/identifiers.ts';
import { isJsonObject, type JsonObject } from '../protocol/json.ts';
import type { RoomVersion } from '../protocol/room-versions.ts';
import { eventsByNid, type StoredEvent } from '../storage/events.ts';
import type { MembershipRow } from '../storage/memberships.ts';
import { type Snapshot, snapshotGet } from '../storage/state-snapshots.ts';
import { admitPdus, isAdmitted } from './admit-pdu.ts';
import type { OpenRoom } from './open-room.ts';
import { strippedEvent } from './plain-client-event.ts';
import { pduForServer } from './read-for-server.ts';
import type { RoomParts } from './room-parts.ts';

/** What tells somebody who is outside what a room is (Client-Server API, "Stripped state"). */
const TYPES = [
  'm.room.create',
  'm.room.name',
  'm.room.avatar',
  'm.room.topic',
  'm.room.join_rules',
  'm.room.canonical_alias',
  'm.room.encryption',
];

const MAX_EVENTS = 50;
const MAX_BYTES = 65_536;

/** The events of a state that tell what the room is. @param inviter whose membership is among them */
export async function identifyingState(
  parts: RoomParts,
  state: Snapshot | undefined,
  inviter: UserId | undefined,
): Promise<StoredEvent[]> {
  const keys = TYPES.map((type) => stateKey(type, ''));
  if (inviter !== undefined) keys.push(stateKey('m.room.member', inviter));
  const nids = [...(await parts.stateKeys.find(keys)).values()].flatMap((key) => snapshotGet(state, key) ?? []);
  // From the rows: they may have been redacted.
  return await eventsByNid(parts.db, nids);
}

/** The same as whole PDUs, as other servers are told it with an invite or a knock (MSC4311). */
export async function identifyingPdus(parts: RoomParts, open: OpenRoom, inviter?: UserId): Promise<Pdu[]> {
  const events = await identifyingState(parts, open.state, inviter);
  return events.map((event) => pduForServer(open.room, event));
}

/** What other servers say of a room, in the form for clients. */
export interface ReadState {
  readonly state: readonly JsonObject[];
  /** What makes it unfit for an invite in a room version that asks for that. */
  readonly fault: string | undefined;
}

/**
 * Reads what another server says of a room that this one is not in (A1.7). Forged events and those of other rooms are left out,
 * and so are stripped events, which nobody has signed, where the room version has no place for them.
 */
export async function readIdentifyingState(
  parts: RoomParts,
  version: RoomVersion,
  roomId: RoomId,
  entries: readonly unknown[],
): Promise<ReadState> {
  if (entries.length > MAX_EVENTS || Buffer.byteLength(JSON.stringify(entries)) > MAX_BYTES)
    return { state: [], fault: `it has more than ${MAX_EVENTS} events or ${MAX_BYTES} bytes` };
  const isStrict = version.inviteStateValidated === 'should';
  const state: JsonObject[] = [];
  let fault: string | undefined;
  for (const [index, result] of (await admitPdus(parts, version, entries, roomId)).entries()) {
    if (isAdmitted(result)) {
      if (result.pdu.state_key !== undefined) state.push(strippedEvent(result.pdu));
    } else if (isStrict) {
      // A key that cannot be had just now is nobody's forgery: only that event is left out.
      if (result.fault !== 'unknown key') fault ??= result.reason;
    } else if (isStripped(entries[index])) {
      state.push(strippedEvent(entries[index]));
    }
  }
  const hasCreate = state.some((event) => event.type === 'm.room.create' && event.state_key === '');
  if (isStrict && !hasCreate) fault ??= 'it lacks the m.room.create event';
  return { state, fault };
}

function isStripped(entry: unknown): entry is JsonObject {
  return (
    isCanonical(entry) &&
    isJsonObject(entry) &&
    entry.signatures === undefined &&
    typeof entry.type === 'string' &&
    typeof entry.state_key === 'string' &&
    isUserId(entry.sender) &&
    isJsonObject(entry.content)
  );
}

/**
 * Servers that are in a room as far as an invite or a knock has told: who invited, or took the knock, and those whose users have
 * made the room what it is, the first ones first.
 */
export function serversThatKnow({ sender, via, strippedState }: MembershipRow): ServerName[] {
  const told = strippedState === null ? [] : (JSON.parse(strippedState) as JsonObject[]);
  const senders = told.flatMap((event) => (isUserId(event.sender) ? [serverNameOf(event.sender)] : []));
  return [...new Set([via ?? serverNameOf(sender), ...senders])];
}
