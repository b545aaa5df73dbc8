import type { MatrixClient } from 'matrix-js-sdk';
import type { Platform } from '../platform/platform.ts';

interface RawEvents {
  readonly events?: readonly {
    readonly origin_server_ts?: unknown;
    readonly type?: unknown;
    readonly content?: unknown;
  }[];
}

interface JoinedRoom {
  readonly timeline?: RawEvents;
  readonly account_data?: RawEvents;
}

/** An answer of `/sync`, as far as it is looked at here. Client-server API, "Syncing". */
export interface SyncAnswer {
  readonly rooms?: { readonly join?: Readonly<Record<string, JoinedRoom>> };
  readonly device_one_time_keys_count?: unknown;
  readonly device_unused_fallback_key_types?: unknown;
}

/** The part of the SDK's sync loop that takes in an answer: from the server or from the store, it is all the same to it. */
interface SyncProcessor {
  processSyncResponse(about: object, answer: SyncAnswer): Promise<void>;
}

export interface SliceOptions {
  platform: Pick<Platform, 'now' | 'page'>;
  /** The room that is wanted before all others. */
  firstRoomId: string | undefined;
  /** Called when the first rooms of a large answer are there. */
  onFirstRooms: () => void;
}

/** How many rooms are taken in between two looks at the clock. */
const sliceSize = 4;
/** How many rooms fill a list at first. */
const firstSize = 60;
/** Milliseconds after which the browser has its turn. */
const turnMs = 10;

/**
 * Makes a client that has been started take in large answers room by room, with pauses in which the page can be used: the
 * SDK does it in one go, which is a second without any reaction for some hundred rooms. To be called right after the start,
 * before the first answer can be there.
 */
export function takeInSlices(client: MatrixClient, options: SliceOptions): void {
  const { now, page } = options.platform;
  const { syncApi } = client as unknown as { syncApi?: SyncProcessor };
  if (!syncApi) return;
  const takeIn = syncApi.processSyncResponse.bind(syncApi);
  syncApi.processSyncResponse = async (about, answer) => {
    let turnEnd = now() + turnMs;
    let taken = 0;
    for (const slice of sliceAnswer(answer, options.firstRoomId)) {
      await takeIn(about, slice);
      taken += sliceSize;
      if (taken === firstSize) options.onFirstRooms();
      if (now() < turnEnd) continue;
      await page.pause();
      turnEnd = now() + turnMs;
    }
  };
}

/**
 * The parts of an answer, each an answer itself. All that is not about joined rooms comes first; then the rooms in the order
 * in which one wants to see them: favourites, then those with the latest events.
 */
export function sliceAnswer(answer: SyncAnswer, firstRoomId: string | undefined): readonly SyncAnswer[] {
  const rooms = Object.entries(answer.rooms?.join ?? {});
  if (rooms.length <= sliceSize) return [answer];
  const rank = new Map(rooms.map(([roomId, room]) => [roomId, rankOf(roomId, room, firstRoomId)]));
  rooms.sort(([a], [b]) => (rank.get(b) ?? 0) - (rank.get(a) ?? 0));
  // An answer without these would mean that the server has no keys left.
  const { device_one_time_keys_count, device_unused_fallback_key_types } = answer;
  const keys = { device_one_time_keys_count, device_unused_fallback_key_types };
  return Array.from({ length: Math.ceil(rooms.length / sliceSize) }, (_, index) => {
    const join = Object.fromEntries(rooms.slice(index * sliceSize, (index + 1) * sliceSize));
    return index === 0 ? { ...answer, rooms: { ...answer.rooms, join } } : { ...keys, rooms: { join } };
  });
}

function rankOf(roomId: string, room: JoinedRoom, firstRoomId: string | undefined): number {
  if (roomId === firstRoomId) return Number.POSITIVE_INFINITY;
  const latest = room.timeline?.events?.at(-1)?.origin_server_ts;
  const isFavourite = room.account_data?.events?.some(
    ({ type, content }) => type === 'm.tag' && Object.hasOwn((content as { tags?: object })?.tags ?? {}, 'm.favourite'),
  );
  return (typeof latest === 'number' ? latest : 0) + (isFavourite ? Number.MAX_SAFE_INTEGER / 2 : 0);
}
