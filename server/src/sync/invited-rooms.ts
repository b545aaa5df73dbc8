import { isJsonObject, type JsonObject, type JsonValue } from '../protocol/json.ts';
import { strippedEvent } from '../rooms/plain-client-event.ts';
import { identifyingState } from '../rooms/stripped-state.ts';
import { eventsByNid } from '../storage/events.ts';
import type { SyncRoom } from '../storage/sync-overview.ts';
import type { SyncRound } from './sync.ts';
import type { SyncParts } from './sync-parts.ts';

/** `rooms.invite`: stripped state of a room that the user is invited to. */
export async function invitedRoom(parts: SyncParts, sync: SyncRound, room: SyncRoom): Promise<JsonObject | undefined> {
  if (sync.settings.ignored.has(room.sender)) return undefined;
  return { invite_state: { events: await strippedState(parts, sync, room) } };
}

/** `rooms.knock`: stripped state of a room that the user has knocked on. */
export async function knockedRoom(parts: SyncParts, sync: SyncRound, room: SyncRoom): Promise<JsonObject | undefined> {
  return { knock_state: { events: await strippedState(parts, sync, room) } };
}

/** What came with an invite to a room that we are not in, or with a knock on it; else from our own state of the room. */
async function strippedState(parts: SyncParts, sync: SyncRound, room: SyncRoom): Promise<JsonObject[]> {
  const [membership] = await eventsByNid(parts.rooms.db, [room.eventNid]);
  const own = membership === undefined ? [] : [strippedEvent(membership.pdu)];
  if (room.strippedState !== null || room.currentState === null)
    return [...received(room.strippedState, sync.viewer.userId), ...own];
  const state = await identifyingState(
    parts.rooms,
    await parts.rooms.snapshots.load(room.currentState),
    room.membership === 'invite' ? room.sender : undefined,
  );
  const events = state.filter((event) => event.redactedBy === null && event.nid !== room.eventNid);
  return [...events.map((event) => strippedEvent(event.pdu)), ...own];
}

/** What another server told us of the room, as far as it has the form of stripped state (A1.7). */
function received(text: string | null, userId: string): JsonObject[] {
  const state = text === null ? [] : (JSON.parse(text) as JsonValue);
  if (!Array.isArray(state)) return [];
  return state
    .filter(
      (event): event is JsonObject =>
        isJsonObject(event) &&
        typeof event.type === 'string' &&
        typeof event.state_key === 'string' &&
        typeof event.sender === 'string' &&
        isJsonObject(event.content) &&
        !(event.type === 'm.room.member' && event.state_key === userId),
    )
    .map(strippedEvent);
}
