import { stateKey } from '../protocol/event.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../protocol/json.ts';
import { strippedEvent } from '../rooms/plain-client-event.ts';
import { eventsByNid } from '../storage/events.ts';
import { snapshotGet } from '../storage/state-snapshots.ts';
import type { SyncRoom } from '../storage/sync-overview.ts';
import type { SyncRound } from './sync.ts';
import type { SyncParts } from './sync-parts.ts';

const SHOWN = [
  'm.room.create',
  'm.room.name',
  'm.room.avatar',
  'm.room.topic',
  'm.room.join_rules',
  'm.room.canonical_alias',
  'm.room.encryption',
];

/** `rooms.invite`: stripped state of a room that the user is invited to. */
export async function invitedRoom(parts: SyncParts, sync: SyncRound, room: SyncRoom): Promise<JsonObject | undefined> {
  if (sync.ignored.has(room.sender)) return undefined;
  return { invite_state: { events: await strippedState(parts, sync, room) } };
}

/** `rooms.knock`: stripped state of a room that the user has knocked on. */
export async function knockedRoom(parts: SyncParts, sync: SyncRound, room: SyncRoom): Promise<JsonObject | undefined> {
  return { knock_state: { events: await strippedState(parts, sync, room) } };
}

/** From our own state of the room, or what came with an invite to a room that we are not in. */
async function strippedState(parts: SyncParts, sync: SyncRound, room: SyncRoom): Promise<JsonObject[]> {
  const [membership] = await eventsByNid(parts.rooms.db, [room.eventNid]);
  const own = membership === undefined ? [] : [strippedEvent(membership.pdu)];
  if (room.currentState === null) return [...received(room.strippedState, sync.viewer.userId), ...own];
  const snapshot = await parts.rooms.snapshots.load(room.currentState);
  const keys = [...SHOWN.map((type) => stateKey(type, '')), stateKey('m.room.member', room.sender)];
  const nids = [...(await parts.rooms.stateKeys.find(keys)).values()].flatMap(
    (key) => snapshotGet(snapshot, key) ?? [],
  );
  const events = await eventsByNid(
    parts.rooms.db,
    nids.filter((nid) => nid !== room.eventNid),
  );
  return [...events.filter((event) => event.redactedBy === null).map((event) => strippedEvent(event.pdu)), ...own];
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
