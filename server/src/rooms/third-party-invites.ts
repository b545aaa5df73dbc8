import { forbidden, MatrixError } from '../protocol/errors.ts';
import type { RoomId, ServerName } from '../protocol/event.ts';
import { isRoomId, isUserId, serverNameOf } from '../protocol/identifiers.ts';
import { isJsonObject, type JsonObject } from '../protocol/json.ts';
import { findAccount } from '../storage/accounts.ts';
import { inviteUser } from './invite.ts';
import type { RoomParts } from './room-parts.ts';
import { residentRoom } from './templates-for-peers.ts';

/** An invite by a third-party identifier that has found its user. */
export interface BoundInvite {
  readonly roomId: RoomId;
  /** Who has invited the identifier. */
  readonly sender: string;
  /** Whose identifier it is. */
  readonly invitee: string;
  /** What the identity server has signed: `mxid`, `token` and `signatures`. */
  readonly signed: JsonObject;
}

/**
 * Makes the invite of a user whose third-party identifier one of ours has invited (Server-Server API,
 * `PUT /exchange_third_party_invite/{roomId}`). The room's rules check it against the keys that the first invite left in the room;
 * of what the other server sends only the signed part is taken (A1.3).
 *
 * @throws MatrixError M_NOT_FOUND, M_FORBIDDEN
 */
export async function exchangeInvite(parts: RoomParts, origin: ServerName, invite: BoundInvite): Promise<void> {
  if (!isUserId(invite.invitee) || serverNameOf(invite.invitee) !== origin)
    throw forbidden('The invited user is not one of your server.');
  await residentRoom(parts, invite.roomId);
  await inviteBound(parts, invite);
}

/** @throws MatrixError M_FORBIDDEN */
async function inviteBound(parts: RoomParts, { roomId, sender, invitee, signed }: BoundInvite): Promise<void> {
  if (!isUserId(sender) || serverNameOf(sender) !== parts.serverName)
    throw forbidden('The sender is not a user of this server.');
  const room = await residentRoom(parts, roomId);
  const { token, mxid, signatures } = signed;
  const open = await parts.writer.peek(room.nid);
  const standing = typeof token === 'string' ? await open.stateEvent('m.room.third_party_invite', token) : undefined;
  if (standing === undefined || standing.pdu.sender !== sender) throw forbidden('There is no such invite in the room.');
  const { display_name: displayName } = standing.pdu.content;
  const thirdPartyInvite = {
    display_name: typeof displayName === 'string' ? displayName : '',
    signed: { mxid, token, signatures } as JsonObject,
  };
  await inviteUser(parts, { userId: sender, deviceId: '' }, roomId, { userId: invitee, thirdPartyInvite });
}

/** Invites taken from one notification. */
const MAX_INVITES = 10;
const DEADLINE_MS = 20_000;

/**
 * Asks the servers of those who invited a third-party identifier to invite the user to whom it has been bound (Server-Server API,
 * `PUT /3pid/onbind`). What cannot be passed on is left out: an identity server has no use for the reason.
 *
 * @param userId whose identifier it is now
 * @param invites as the identity server sent them
 */
export async function passOnInvites(
  parts: RoomParts,
  userId: string,
  invites: readonly unknown[],
  signal: AbortSignal,
): Promise<void> {
  if (!isUserId(userId) || serverNameOf(userId) !== parts.serverName) return;
  const account = await findAccount(parts.db, userId);
  if (account === undefined || account.isDeactivated) return;
  const sound = invites.flatMap((invite) => soundInvite(invite, userId) ?? []).slice(0, MAX_INVITES);
  await Promise.all(
    sound.map(async (invite) => {
      try {
        const server = serverNameOf(invite.sender as `@${string}`);
        if (server === parts.serverName) await inviteBound(parts, invite);
        else await parts.federation.exchangeThirdPartyInvite(server, invite, { deadlineMs: DEADLINE_MS, signal });
      } catch (error) {
        if (!(error instanceof MatrixError)) throw error; // A refusal concerns this invite only.
      }
    }),
  );
}

function soundInvite(invite: unknown, userId: string): BoundInvite | undefined {
  if (!isJsonObject(invite) || invite.mxid !== userId) return undefined;
  const { room_id: roomId, sender, signed } = invite;
  if (!isRoomId(roomId) || !isUserId(sender) || !isJsonObject(signed)) return undefined;
  return { roomId, sender, invitee: userId, signed };
}
