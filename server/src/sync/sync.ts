import type { UserId } from '../protocol/event.ts';
import { eventPasses, type Filter } from '../protocol/filter.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Viewer } from '../rooms/plain-client-event.ts';
import type { TypingUsers } from '../rooms/typing.ts';
import type { LogRow } from '../storage/log-follower.ts';
import type { SyncOverview, SyncRoom } from '../storage/sync-overview.ts';
import { accountDataSection } from './account-data-section.ts';
import { deviceListChanges } from './device-list-changes.ts';
import { invitedRoom, knockedRoom } from './invited-rooms.ts';
import { joinedRooms } from './joined-rooms.ts';
import { leftRooms } from './left-rooms.ts';
import { roundRooms } from './round-rooms.ts';
import type { SyncParts } from './sync-parts.ts';
import { formatSyncToken, type SyncToken } from './sync-token.ts';
import { toDeviceSection } from './to-device-section.ts';
import { settingsOf, type UserSettings } from './user-settings.ts';
import { waitForChange } from './wait-for-change.ts';

export interface SyncQuery {
  readonly since: SyncToken | undefined;
  readonly filter: Filter;
  readonly fullState: boolean;
  /** `use_state_after`: state as of the end of the timeline instead of its start. */
  readonly stateAfter: boolean;
  /** How long to wait for something new, in milliseconds. */
  readonly timeoutMs: number;
}

/** One round of `/sync`: what is being asked, and the moment it is answered for. */
export interface SyncRound {
  readonly viewer: Viewer;
  readonly query: SyncQuery;
  /** Log position of `since`; 0 for an initial sync. */
  readonly since: number;
  readonly initial: boolean;
  /** Log position up to which this round answers. */
  readonly until: number;
  /** Who is typing in the user's rooms. */
  readonly typing: ReadonlyMap<number, TypingUsers>;
  readonly settings: UserSettings;
  /** What the log has after `since` and up to `until`; undefined where memory does not hold it, and for an initial sync. */
  readonly news: readonly LogRow[] | undefined;
}

const MAX_TIMEOUT_MS = 90_000;

/**
 * Answers `GET /sync` (Client-Server API, "Syncing"): at once if it is an initial sync or there is something new, else as soon
 * as there is, or empty when the time is up.
 *
 * @param signal ends the wait when the client has gone
 * @throws MatrixError M_INVALID_PARAM for a token from a log that is not ours
 */
export async function sync(
  parts: SyncParts,
  viewer: Viewer,
  query: SyncQuery,
  signal: AbortSignal,
): Promise<JsonObject> {
  const { clock } = parts.rooms;
  const deadline = clock.monotonic() + Math.min(query.timeoutMs, MAX_TIMEOUT_MS);
  let since = query.since;
  const joined = since && query.timeoutMs > 0 ? whatMayConcern(parts, viewer, query, since) : undefined;
  if (since !== undefined && joined !== undefined) {
    await waitForChange(parts, viewer.userId, joined, since, deadline - clock.monotonic(), signal);
    if (signal.aborted) return { next_batch: formatSyncToken(since) };
  }
  for (;;) {
    const rooms = await roundRooms(parts, viewer.userId, query, since);
    const typing = parts.typing.picture(rooms.joined);
    const { answer, toDevice } = await round(parts, viewer, { ...query, since }, rooms, typing);
    const presence = query.since?.presence ?? '';
    const seen = new Map([...typing].map(([roomNid, { digest }]) => [roomNid, digest]));
    const next = { position: rooms.position, toDevice, typing: seen, presence };
    const left = deadline - clock.monotonic();
    const isEmpty = Object.keys(answer).length === 0;
    if (since === undefined || query.fullState || !isEmpty || left <= 0)
      return await withPresence(parts, viewer, query, next, answer);
    await waitForChange(parts, viewer.userId, rooms.joined, next, left, signal);
    // The client has gone, or the server stops: there is no time for another round.
    if (signal.aborted) return { next_batch: formatSyncToken(next) };
    // Nothing up to here concerned this client: the next round starts from where this one ended.
    since = next;
  }
}

/**
 * The rooms of which news concern the client, where all that it lacks comes after `since`, and memory knows its rooms: then there is
 * nothing to look for until something concerns it.
 */
function whatMayConcern(
  parts: SyncParts,
  viewer: Viewer,
  query: SyncQuery,
  since: SyncToken,
): ReadonlySet<number> | undefined {
  if (query.fullState || since.toDevice < since.position) return undefined;
  return parts.memory.joined.get(viewer.userId, since.position);
}

/**
 * Adds the presence that is new to the client. It comes along with whatever else there is, or when the time is up: nobody is
 * woken for it, because in a large room somebody comes or goes all the time.
 */
async function withPresence(
  parts: SyncParts,
  viewer: Viewer,
  query: SyncQuery,
  next: SyncToken,
  answer: JsonObject,
): Promise<JsonObject> {
  const presence = parts.presenceToken();
  const found = await parts.presenceSince(viewer.userId, query.fullState ? undefined : query.since?.presence);
  if (found.length === 0) return { next_batch: formatSyncToken({ ...next, presence }), ...answer };
  const { ignored } = await settingsOf(parts, viewer.userId, next.position);
  const events = found.filter((event) => {
    const sender = event.sender as UserId;
    return !ignored.has(sender) && eventPasses(query.filter.presence, { type: 'm.presence', sender });
  });
  return {
    next_batch: formatSyncToken({ ...next, presence }),
    ...answer,
    ...(events.length > 0 ? { presence: { events } } : {}),
  };
}

async function round(
  parts: SyncParts,
  viewer: Viewer,
  query: SyncQuery,
  overview: SyncOverview,
  typing: SyncRound['typing'],
): Promise<{ answer: JsonObject; toDevice: number }> {
  const since = query.since?.position ?? 0;
  const until = overview.position;
  const initial = query.since === undefined;
  const sync: SyncRound = {
    viewer: { ...viewer, wantsPdus: query.filter.eventFormat === 'federation' },
    query,
    since,
    initial,
    until,
    typing,
    settings: await settingsOf(parts, viewer.userId, until),
    news: initial ? undefined : parts.rooms.follower.recent(since, until),
  };
  const wanted = overview.rooms.filter((room) => query.filter.room.allowsRoom(room.roomId));
  const accountData = await accountDataSection(parts, sync);
  const of = (...memberships: string[]) => wanted.filter((room) => memberships.includes(room.membership));
  const changed = (room: SyncRoom) => sync.initial || room.position > sync.since;
  const sections = {
    join: await joinedRooms(parts, sync, of('join'), accountData.rooms),
    invite: await roomsOf(of('invite').filter(changed), (room) => invitedRoom(parts, sync, room)),
    knock: await roomsOf(of('knock').filter(changed), (room) => knockedRoom(parts, sync, room)),
    leave: await leftRooms(parts, sync, of('leave', 'ban'), accountData.rooms),
  };
  const rooms = Object.fromEntries(Object.entries(sections).filter(([, section]) => Object.keys(section).length > 0));
  const toDevice = await toDeviceSection(parts, sync);
  const deviceLists = sync.initial
    ? { changed: [], left: [] }
    : await deviceListChanges(parts.rooms, viewer.userId, sync, overview.rooms);
  const answer = {
    ...(Object.keys(rooms).length > 0 ? { rooms } : {}),
    ...(accountData.global.length > 0 ? { account_data: { events: accountData.global } } : {}),
    ...(toDevice.events.length > 0 ? { to_device: { events: toDevice.events } } : {}),
    ...(deviceLists.changed.length + deviceLists.left.length > 0 ? { device_lists: { ...deviceLists } } : {}),
  };
  return { answer, toDevice: toDevice.position };
}

async function roomsOf(
  rooms: readonly SyncRoom[],
  show: (room: SyncRoom) => Promise<JsonObject | undefined>,
): Promise<JsonObject> {
  const section: JsonObject = {};
  for (const room of rooms) {
    const shown = await show(room);
    if (shown !== undefined) section[room.roomId] = shown;
  }
  return section;
}
