import {
  ClientEvent,
  EventType,
  type MatrixClient,
  type MatrixEvent,
  type Room,
  RoomEvent,
  RoomStateEvent,
  SyncState,
} from 'matrix-js-sdk';
import type { Platform } from '../platform/platform.ts';
import type { RoomSummaries } from './room-summaries.ts';
import { type RoomSummary, summarizeRoom } from './room-summary.ts';

/** A sync can touch a room a hundred times; summaries are made again once per this many milliseconds at most. */
const coalesceMs = 16;
/** While hundreds of rooms are arriving, lists are drawn again less often. */
const arrivingMs = 250;
/** Summaries are made for this many milliseconds before anything else that waits has its turn. */
const turnMs = 8;

/** Keeps the summaries of all rooms current, and tells of changes once after a burst of them. */
export class RoomWatcher {
  readonly #client: MatrixClient;
  readonly #summaries: RoomSummaries;
  readonly #now: () => number;
  readonly #dirty = new Set<string>();
  readonly #watched = new WeakSet<Room>();
  #directRooms: ReadonlyMap<string, string> = new Map();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Until the rooms of the last visit, or of the first sync, are all there. */
  #isArriving = true;

  constructor(client: MatrixClient, summaries: RoomSummaries, { now }: Pick<Platform, 'now'>) {
    this.#client = client;
    this.#summaries = summaries;
    this.#now = now;
    client.on(ClientEvent.Room, this.#onRoom);
    client.on(ClientEvent.DeleteRoom, this.#markDirty);
    client.on(ClientEvent.AccountData, this.#onAccountData);
    client.on(ClientEvent.Sync, this.#onSync);
    client.on(RoomEvent.Timeline, this.#onTimeline);
    client.on(RoomEvent.Receipt, this.#onReceipt);
    client.on(RoomEvent.Name, this.#onRoom);
    client.on(RoomEvent.Tags, this.#onTags);
    client.on(RoomEvent.MyMembership, this.#onRoom);
    client.on(RoomStateEvent.Events, this.#onState);
  }

  /** Makes the summaries of what has arrived now instead of soon. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flush();
  }

  dispose(): void {
    const client = this.#client;
    client.off(ClientEvent.Room, this.#onRoom);
    client.off(ClientEvent.DeleteRoom, this.#markDirty);
    client.off(ClientEvent.AccountData, this.#onAccountData);
    client.off(ClientEvent.Sync, this.#onSync);
    client.off(RoomEvent.Timeline, this.#onTimeline);
    client.off(RoomEvent.Receipt, this.#onReceipt);
    client.off(RoomEvent.Name, this.#onRoom);
    client.off(RoomEvent.Tags, this.#onTags);
    client.off(RoomEvent.MyMembership, this.#onRoom);
    client.off(RoomStateEvent.Events, this.#onState);
    clearTimeout(this.#timer);
  }

  readonly #onRoom = (room: Room): void => {
    this.#watch(room);
    this.#markDirty(room.roomId);
  };
  readonly #onSync = (state: SyncState): void => {
    if (state !== SyncState.Prepared) return;
    this.#isArriving = false;
    // What was known from the last visit may be gone.
    for (const roomId of this.#summaries.getAll().keys()) this.#markDirty(roomId);
    this.#markAllDirty();
  };
  readonly #onTimeline = (_event: MatrixEvent, room: Room | undefined): void => {
    if (room) this.#markDirty(room.roomId);
  };
  readonly #onReceipt = (_event: MatrixEvent, room: Room): void => this.#markDirty(room.roomId);
  readonly #onTags = (_event: MatrixEvent, room: Room): void => this.#markDirty(room.roomId);
  readonly #onState = (event: MatrixEvent): void => {
    const roomId = event.getRoomId();
    if (roomId) this.#markDirty(roomId);
  };
  readonly #onAccountData = (event: MatrixEvent): void => {
    if (event.getType() === EventType.Direct) this.#directRooms = readDirectRooms(this.#client);
    if (event.getType() === EventType.Direct || event.getType() === EventType.PushRules) this.#markAllDirty();
  };

  /** The room itself emits what the client does not pass on. */
  #watch(room: Room): void {
    if (this.#watched.has(room)) return;
    this.#watched.add(room);
    const markDirty = () => this.#markDirty(room.roomId);
    room.on(RoomEvent.UnreadNotifications, markDirty);
    room.on(RoomEvent.Summary, markDirty);
  }

  #markAllDirty(): void {
    for (const room of this.#client.getRooms()) this.#markDirty(room.roomId);
  }

  readonly #markDirty = (roomId: string): void => {
    this.#dirty.add(roomId);
    this.#schedule(this.#isArriving ? arrivingMs : coalesceMs);
  };

  #schedule(delayMs: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
    }, delayMs);
  }

  #flush(): void {
    const end = this.#now() + turnMs;
    const changes: [string, RoomSummary | undefined][] = [];
    for (const roomId of this.#dirty) {
      this.#dirty.delete(roomId);
      const room = this.#client.getRoom(roomId);
      changes.push([roomId, room ? summarizeRoom(this.#client, room, this.#directRooms) : undefined]);
      if (this.#now() > end) break;
    }
    this.#summaries.update(changes);
    if (this.#dirty.size > 0) this.#schedule(0);
  }
}

/** Room id → the other user, from `m.direct`. */
export function readDirectRooms(client: MatrixClient): ReadonlyMap<string, string> {
  const rooms = new Map<string, string>();
  const content: Record<string, unknown> = client.getAccountData(EventType.Direct)?.getContent() ?? {};
  for (const [userId, roomIds] of Object.entries(content)) {
    if (!Array.isArray(roomIds)) continue;
    for (const roomId of roomIds) if (typeof roomId === 'string') rooms.set(roomId, userId);
  }
  return rooms;
}
