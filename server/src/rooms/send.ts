import { canonicalJson } from '../protocol/canonical-json.ts';
import { forbidden, notFound } from '../protocol/errors.ts';
import { type EventId, stateKey, type UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import { actionPowerLevel, powerLevelsOf, userPowerLevel } from '../protocol/power-levels.ts';
import { transactionKey } from '../storage/client-transactions.ts';
import { eventInRoom } from '../storage/events.ts';
import type { RoomRow } from '../storage/rooms.ts';
import type { Snapshot } from '../storage/state-snapshots.ts';
import { checkNewAliases } from './canonical-alias.ts';
import type { Draft, Redacts } from './new-event.ts';
import type { OpenRoom } from './open-room.ts';
import type { RoomParts } from './room-parts.ts';
import type { WriteRequest } from './write-job.ts';

/** Who asks, and from which device. */
export interface Sender {
  readonly userId: UserId;
  readonly deviceId: string;
  /** Row id of the access token, for what is to fail once that has ended; left out where none is needed. */
  readonly tokenId?: number;
}

/** A room that this server takes part in. @throws MatrixError M_FORBIDDEN, the same for unknown rooms as for foreign ones */
export async function roomOfSender(parts: RoomParts, roomId: string): Promise<RoomRow> {
  const room = await parts.rooms.byId(roomId);
  if (room === undefined) throw forbidden('You are not in this room.');
  return room;
}

/**
 * Sends a message event (Client-Server API, `PUT /rooms/{roomId}/send/{eventType}/{txnId}`).
 *
 * @returns the event id; that of the first request when the transaction id is repeated
 * @throws MatrixError M_FORBIDDEN, M_TOO_LARGE; M_UNKNOWN_TOKEN once the access token has ended
 */
export async function sendMessage(
  parts: RoomParts,
  sender: Sender,
  roomId: string,
  message: { type: string; content: JsonObject; txnId: string },
): Promise<EventId> {
  const room = await roomOfSender(parts, roomId);
  if (message.type === 'm.room.redaction') {
    const target = message.content.redacts;
    if (typeof target !== 'string') throw notFound('There is no such event to redact.');
    return await redact(parts, sender, roomId, {
      target: target as EventId,
      content: message.content,
      txnId: message.txnId,
    });
  }
  const asked = requestOf(sender, `send/${room.nid}/${message.type}`, message.txnId);
  const draft: Draft = {
    type: message.type,
    sender: sender.userId,
    content: message.content,
    deviceId: sender.deviceId,
    transactionId: message.txnId,
  };
  return eventIdOf(await parts.writer.writeMessage(room.nid, (open) => append(open, draft), asked));
}

function requestOf({ userId, deviceId, tokenId }: Sender, path: string, txnId: string): WriteRequest {
  return { transactionKey: transactionKey({ userId, deviceId, path, txnId }), tokenId };
}

async function append(open: OpenRoom, draft: Draft): Promise<{ eventId: EventId }> {
  requireGraph(open);
  return { eventId: (await open.append(draft)).eventId };
}

function eventIdOf(made: { eventId: string }): EventId {
  return made.eventId as EventId;
}

/** Without a graph we only hold an invite or a knock: there is nothing to attach an event to. */
export function requireGraph(open: OpenRoom): void {
  if (open.extremities.length === 0) throw forbidden('You are not in this room.');
}

/** Before anything is said of what is in the room. @throws MatrixError M_FORBIDDEN */
async function requireJoined(open: OpenRoom, userId: UserId): Promise<void> {
  const member = await open.stateEvent('m.room.member', userId);
  if (member?.pdu.content.membership !== 'join') throw forbidden('You are not in this room.');
}

/**
 * Redacts an event (Client-Server API, `PUT /rooms/{roomId}/redact/{eventId}/{txnId}`).
 *
 * @throws MatrixError M_NOT_FOUND for an event that is not in the room, M_FORBIDDEN
 */
export async function redact(
  parts: RoomParts,
  sender: Sender,
  roomId: string,
  request: { target: EventId; content: JsonObject; txnId: string },
): Promise<EventId> {
  const room = await roomOfSender(parts, roomId);
  const asked = requestOf(sender, `redact/${room.nid}/${request.target}`, request.txnId);
  const work = async (open: OpenRoom) => {
    await requireJoined(open, sender.userId);
    const target = await eventInRoom(parts.db, room.nid, request.target);
    if (target?.position == null) throw notFound('There is no such event in this room.');
    const redacts = await mayRedact(open, sender.userId, request.target);
    const sameServer = serverOf(target.sender) === serverOf(sender.userId);
    if (redacts.sameServerOnly && (!sameServer || target.sender !== sender.userId))
      throw forbidden('You may only delete your own messages here.');
    const { redacts: _, ...content } = request.content;
    return await append(open, {
      type: 'm.room.redaction',
      sender: sender.userId,
      content: open.version.redactsIn === 'content' ? { ...content, redacts: request.target } : content,
      redacts,
      deviceId: sender.deviceId,
      transactionId: request.txnId,
    });
  };
  return eventIdOf(await parts.writer.write(room.nid, work, asked));
}

function serverOf(userId: UserId): string {
  return userId.slice(userId.indexOf(':') + 1);
}

/** How far the power of a user to redact goes in a state of the room (room versions, "Handling redactions"). */
export async function mayRedact(
  open: OpenRoom,
  userId: UserId,
  target: EventId,
  state: Snapshot | undefined = open.state,
): Promise<Redacts> {
  const keys = [stateKey('m.room.create', ''), stateKey('m.room.power_levels', '')] as const;
  const events = await open.stateEvents(keys, state);
  const [create, levels] = keys.map((key) => events.get(key)?.event);
  if (create === undefined) throw forbidden('The room has no create event.');
  const powers = powerLevelsOf(open.version, create.pdu, levels?.pdu);
  return { target, sameServerOnly: userPowerLevel(powers, userId) < actionPowerLevel(powers, 'redact') };
}

/**
 * Sets a piece of room state (Client-Server API, `PUT /rooms/{roomId}/state/{eventType}/{stateKey}`), memberships excepted.
 * State that stands already with the same content and sender is not sent again.
 *
 * @throws MatrixError M_FORBIDDEN, M_TOO_LARGE; M_INVALID_PARAM and M_BAD_ALIAS for aliases that do not lead to the room
 */
export async function sendState(
  parts: RoomParts,
  sender: Sender,
  roomId: string,
  state: { type: string; stateKey: string; content: JsonObject },
): Promise<EventId> {
  const room = await roomOfSender(parts, roomId);
  if (state.type === 'm.room.canonical_alias') await checkNewAliases(parts, room, state.content);
  const work = async (open: OpenRoom) => {
    await requireJoined(open, sender.userId);
    const standing = await open.stateEvent(state.type, state.stateKey);
    if (standing?.pdu.sender === sender.userId && sameContent(standing.pdu.content, state.content))
      return { eventId: standing.eventId };
    return await append(open, {
      type: state.type,
      stateKey: state.stateKey,
      sender: sender.userId,
      content: state.content,
      deviceId: sender.deviceId,
    });
  };
  return eventIdOf(await parts.writer.write(room.nid, work));
}

function sameContent(one: JsonObject, other: JsonObject): boolean {
  return canonicalJson(one) === canonicalJson(other);
}
