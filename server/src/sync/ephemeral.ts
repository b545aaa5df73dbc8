import { roomEventPasses } from '../protocol/filter.ts';
import type { JsonObject } from '../protocol/json.ts';
import { newestReceipts, type Receipt, receiptsSince } from '../storage/receipts.ts';
import type { JoinedRoom } from './joined-rooms.ts';
import type { SyncRound } from './sync.ts';
import type { SyncParts } from './sync-parts.ts';

export interface Ephemeral {
  readonly events: JsonObject[];
  /** A receipt of the user's own has moved, so that the unread counts are other ones. */
  readonly ownReceipt: boolean;
}

/** Receipts of others in a room that is new to the client: those who have read least recently are left out. */
const MAX_RECEIPTS = 1_000;

/** `ephemeral` of each room: receipts that moved and who is typing. */
export async function ephemeralEvents(
  parts: SyncParts,
  sync: SyncRound,
  rooms: readonly JoinedRoom[],
): Promise<Map<number, Ephemeral>> {
  const { db } = parts.rooms;
  const nids = (isNew: boolean) => rooms.flatMap((room) => (room.isNew === isNew ? [room.room.roomNid] : []));
  const moved = sync.news && new Set(sync.news.map(({ kind, roomNid }) => (kind === 'receipt' ? roomNid : null)));
  const known = nids(false).filter((nid) => moved?.has(nid) !== false);
  const newest = { until: sync.until, limit: MAX_RECEIPTS };
  const receipts = [
    ...(await newestReceipts(db, nids(true), sync.viewer.userId, newest)),
    ...(await receiptsSince(db, known, sync.since, sync.until)),
  ];
  const byRoom = Map.groupBy(receipts, (receipt) => receipt.roomNid);
  const filter = sync.query.filter.room.ephemeral;
  const found = new Map<number, Ephemeral>();
  for (const { room } of rooms) {
    const events: JsonObject[] = [];
    const own = byRoom.get(room.roomNid) ?? [];
    const visible = own.filter(
      (receipt) =>
        receipt.userId === sync.viewer.userId ||
        (receipt.receiptType !== 'm.read.private' && !sync.settings.ignored.has(receipt.userId)),
    );
    if (visible.length > 0) events.push({ type: 'm.receipt', content: receiptContent(visible) });
    const typing = sync.typing.get(room.roomNid);
    if (typing?.digest !== sync.query.since?.typing.get(room.roomNid)) {
      const users = typing?.userIds.filter((userId) => !sync.settings.ignored.has(userId)) ?? [];
      events.push({ type: 'm.typing', content: { user_ids: users } });
    }
    found.set(room.roomNid, {
      events: events.filter((event) =>
        roomEventPasses(filter, room.roomId, { type: event.type as string, content: event.content as JsonObject }),
      ),
      ownReceipt: own.some((receipt) => receipt.userId === sync.viewer.userId),
    });
  }
  return found;
}

/** Content of `m.receipt`: event id → receipt type → user → when. Keys come from peers, so objects have no prototype. */
function receiptContent(receipts: readonly Receipt[]): JsonObject {
  const content: JsonObject = Object.create(null);
  for (const receipt of receipts) {
    const ofEvent = objectAt(content, receipt.eventId);
    const ofType = objectAt(ofEvent, receipt.receiptType);
    // One user may have receipts in several threads at one event: the unthreaded one says most.
    if (ofType[receipt.userId] !== undefined && receipt.threadId !== '') continue;
    ofType[receipt.userId] = {
      ts: receipt.ts,
      ...(receipt.threadId === '' ? {} : { thread_id: receipt.threadId }),
    };
  }
  return content;
}

function objectAt(parent: JsonObject, key: string): JsonObject {
  const child = (parent[key] as JsonObject | undefined) ?? (Object.create(null) as JsonObject);
  parent[key] = child;
  return child;
}
