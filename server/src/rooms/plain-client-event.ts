import type { Pdu, UserId } from '../protocol/event.ts';
import { type JsonObject, nearestSafeInteger } from '../protocol/json.ts';
import { redactEvent } from '../protocol/redaction.ts';
import { roomVersion } from '../protocol/room-versions.ts';
import type { StoredEvent } from '../storage/events.ts';
import type { RoomRow } from '../storage/rooms.ts';

/** An event in the form for clients (Client-Server API, "Room event format"). */
export interface ClientEvent extends JsonObject {
  type: string;
  event_id: string;
  sender: string;
  origin_server_ts: number;
  content: JsonObject;
}

/** Who looks: `unsigned` holds what only they may see. */
export interface Viewer {
  readonly userId: UserId;
  readonly deviceId: string;
  /** Wants events as servers exchange them (`event_format` of filters). */
  readonly wantsPdus?: boolean;
}

function shownPdu(event: StoredEvent, room: RoomRow, isErased: boolean): Pdu {
  const version = roomVersion(room.version);
  if (version === undefined) throw new Error(`room ${room.roomId} has the unknown version ${room.version}`);
  return event.redactedBy === null && !isErased ? event.pdu : redactEvent(event.pdu, version);
}

/** The event as servers exchange it, with its id. @param isErased as for `plainClientEvent` */
export function pduForClient(event: StoredEvent, room: RoomRow, isErased: boolean): ClientEvent {
  const pdu = shownPdu(event, room, isErased);
  return { ...pdu, origin_server_ts: nearestSafeInteger(pdu.origin_server_ts), event_id: event.eventId };
}

/** The event without `unsigned`. @param isErased shows it redacted, though nobody redacted it: see `erasure.ts` */
export function plainClientEvent(event: StoredEvent, room: RoomRow, isErased = false): ClientEvent {
  const pdu = shownPdu(event, room, isErased);
  const redacts = pdu.redacts ?? (pdu.type === 'm.room.redaction' ? pdu.content.redacts : undefined);
  return {
    type: pdu.type,
    event_id: event.eventId,
    room_id: room.roomId,
    sender: pdu.sender,
    origin_server_ts: nearestSafeInteger(pdu.origin_server_ts),
    // Shown in both places whatever the room version, so that every client finds it (room version 11).
    content: typeof redacts === 'string' ? { ...pdu.content, redacts } : pdu.content,
    ...(pdu.state_key === undefined ? {} : { state_key: pdu.state_key }),
    ...(typeof redacts === 'string' ? { redacts } : {}),
  };
}

/** The event as `/sync` shows it: the room is named by where it stands, unless the viewer wants all that servers exchange. */
export function inSync(viewer: Viewer, event: ClientEvent): ClientEvent {
  return viewer.wantsPdus === true ? event : withoutRoomId(event);
}

function withoutRoomId(event: ClientEvent): ClientEvent {
  const { room_id: _, ...rest } = event;
  const unsigned = event.unsigned as JsonObject | undefined;
  const because = unsigned?.redacted_because as ClientEvent | undefined;
  if (because === undefined) return rest as ClientEvent;
  return { ...(rest as ClientEvent), unsigned: { ...unsigned, redacted_because: withoutRoomId(because) } };
}

/** Stripped state of a room as an invited user is shown it. */
export function strippedEvent(pdu: JsonObject): JsonObject {
  return { type: pdu.type, state_key: pdu.state_key, sender: pdu.sender, content: pdu.content };
}
