import type { JsonObject } from '../protocol/json.ts';
import { eventsByNid, type StoredEvent } from '../storage/events.ts';
import { eventsWithRelations, newestEdits, type RelationTarget, threadSummaries } from '../storage/relations.ts';
import { type ClientEvent, plainClientEvent, type Viewer } from './plain-client-event.ts';
import type { RoomParts } from './room-parts.ts';
import { readersOf, viewpointsOf, visibleFrom } from './visibility.ts';

/**
 * Bundled aggregations (Client-Server API, "Aggregations of child events"): by event id the newest edit and the summary of
 * the thread that starts at it, whose latest event `show` brings into the form for clients. Only what the viewer may see counts:
 * for who has left a room, nothing that came after. One look tells which events have any, so that most pages cost one query.
 */
export async function bundledAggregations(
  parts: RoomParts,
  viewer: Viewer,
  events: readonly StoredEvent[],
  show: (events: readonly StoredEvent[]) => Promise<ClientEvent[]>,
): Promise<Map<string, JsonObject>> {
  const bundles = new Map<string, JsonObject>();
  const candidates = events.filter((event) => event.stateKeyNid === null && event.redactedBy === null);
  const related = new Set(
    await eventsWithRelations(
      parts.db,
      candidates.map((event) => event.eventId),
    ),
  );
  if (related.size === 0) return bundles;
  const roomNids = [...new Set(candidates.map((event) => event.roomNid))];
  const readers = await readersOf(parts, roomNids, viewer.userId);
  const targets = new Map<string, RelationTarget>();
  for (const { eventId, roomNid } of candidates) {
    const reader = readers.get(roomNid);
    const upTo = reader?.membership === 'join' ? null : (reader?.leftPosition ?? null);
    if (related.has(eventId)) targets.set(eventId, { eventId, upTo });
  }
  const visible = async (found: readonly StoredEvent[]) => {
    const viewpoints = await viewpointsOf(parts, viewer.userId, found);
    return found.filter((event) => {
      const reader = readers.get(event.roomNid);
      return reader !== undefined && visibleFrom(viewpoints, reader, [event]).length > 0;
    });
  };
  const bundleOf = (eventId: string) => {
    const bundle = bundles.get(eventId) ?? {};
    bundles.set(eventId, bundle);
    return bundle;
  };
  const edits = await visible(await newestEdits(parts.db, [...targets.values()]));
  const rooms = await parts.rooms.byNid([...new Set(edits.map((edit) => edit.roomNid))]);
  for (const edit of edits) {
    const room = rooms.get(edit.roomNid);
    if (room === undefined) continue;
    const relation = edit.pdu.content['m.relates_to'] as JsonObject;
    bundleOf(relation.event_id as string)['m.replace'] = plainClientEvent(edit, room);
  }
  const threads = await threadSummaries(parts.db, [...targets.values()], viewer.userId);
  const latestNids = threads.map((thread) => thread.latestNid);
  const latest = new Map((await visible(await eventsByNid(parts.db, latestNids))).map((event) => [event.nid, event]));
  for (const thread of threads) {
    const event = latest.get(thread.latestNid);
    if (event === undefined) continue;
    const [shown] = await show([event]);
    bundleOf(thread.rootId)['m.thread'] = {
      latest_event: shown,
      count: thread.count,
      current_user_participated: thread.participated,
    };
  }
  return bundles;
}
