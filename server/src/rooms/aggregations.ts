import type { JsonObject } from '../protocol/json.ts';
import { eventsByNid, type StoredEvent } from '../storage/events.ts';
import { eventsWithRelations, newestEdits, threadSummaries } from '../storage/relations.ts';
import { type ClientEvent, plainClientEvent, type Viewer } from './plain-client-event.ts';
import type { RoomParts } from './room-parts.ts';

/**
 * Bundled aggregations (Client-Server API, "Aggregations of child events"): by event id the newest edit and the summary of
 * the thread that starts at it, whose latest event `show` brings into the form for clients. One look tells which events have any, so that most pages cost one query.
 */
export async function bundledAggregations(
  parts: RoomParts,
  viewer: Viewer,
  events: readonly StoredEvent[],
  show: (events: readonly StoredEvent[]) => Promise<ClientEvent[]>,
): Promise<Map<string, JsonObject>> {
  const bundles = new Map<string, JsonObject>();
  const related = await eventsWithRelations(
    parts.db,
    events.filter((event) => event.stateKeyNid === null && event.redactedBy === null).map((event) => event.eventId),
  );
  if (related.length === 0) return bundles;
  const bundleOf = (eventId: string) => {
    const bundle = bundles.get(eventId) ?? {};
    bundles.set(eventId, bundle);
    return bundle;
  };
  const edits = await newestEdits(parts.db, related);
  const rooms = await parts.rooms.byNid([...new Set(edits.map((edit) => edit.roomNid))]);
  for (const edit of edits) {
    const room = rooms.get(edit.roomNid);
    if (room === undefined) continue;
    const relation = edit.pdu.content['m.relates_to'] as JsonObject;
    bundleOf(relation.event_id as string)['m.replace'] = plainClientEvent(edit, room);
  }
  const threads = await threadSummaries(parts.db, related, viewer.userId);
  const latest = new Map(
    (
      await eventsByNid(
        parts.db,
        threads.map((thread) => thread.latestNid),
      )
    ).map((event) => [event.nid, event]),
  );
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
