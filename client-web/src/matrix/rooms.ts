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
import { type RoomSummary, summarizeRoom } from './room-summary.ts';

/** A sync can touch a room a hundred times; summaries are made again once per this many milliseconds at most. */
const coalesceMs = 16;

/**
 * The summaries of all rooms, kept current. Listeners are told once after a burst of changes; the map and each summary
 * in it stay the same objects until something in them changes.
 */
export class RoomStore {
  readonly #client: MatrixClient;
  readonly #listeners = new Set<() => void>();
  readonly #dirty = new Set<string>();
  readonly #watched = new WeakSet<Room>();
  #rooms: ReadonlyMap<string, RoomSummary> = new Map();
  #directRooms: ReadonlyMap<string, string> = new Map();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(client: MatrixClient) {
    this.#client = client;
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
    this.#directRooms = readDirectRooms(client);
    for (const room of client.getRooms()) {
      this.#watch(room);
      this.#dirty.add(room.roomId);
    }
    this.#flush();
  }

  /** All rooms the user has something to do with, left ones too, by room id. */
  getAll(): ReadonlyMap<string, RoomSummary> {
    return this.#rooms;
  }

  get(roomId: string): RoomSummary | undefined {
    return this.#rooms.get(roomId);
  }

  /** Returns the function that ends the subscription. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
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
    this.#listeners.clear();
  }

  readonly #onRoom = (room: Room): void => {
    this.#watch(room);
    this.#markDirty(room.roomId);
  };
  readonly #onSync = (state: SyncState): void => {
    if (state === SyncState.Prepared) this.#markAllDirty();
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
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
    }, coalesceMs);
  };

  #flush(): void {
    const next = new Map(this.#rooms);
    let changed = false;
    for (const roomId of this.#dirty) {
      const room = this.#client.getRoom(roomId);
      const before = next.get(roomId);
      if (!room) {
        changed = next.delete(roomId) || changed;
        continue;
      }
      const after = summarizeRoom(this.#client, room, this.#directRooms);
      if (before && isSame(before, after)) continue;
      next.set(roomId, after);
      changed = true;
    }
    this.#dirty.clear();
    if (!changed) return;
    this.#rooms = next;
    for (const listener of [...this.#listeners]) listener();
  }
}

function isSame(before: RoomSummary, after: RoomSummary): boolean {
  return (Object.keys(after) as (keyof RoomSummary)[]).every((key) => isSameValue(before[key], after[key]));
}

/** Summaries hold plain values and flat objects of them. */
function isSameValue(before: unknown, after: unknown): boolean {
  if (Object.is(before, after)) return true;
  if (typeof before !== 'object' || typeof after !== 'object' || before === null || after === null) return false;
  const values = new Map(Object.entries(before));
  const entries = Object.entries(after);
  return entries.length === values.size && entries.every(([key, value]) => Object.is(values.get(key), value));
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
