import type { Federation } from '../federation/federation.ts';
import { isJsonObject } from '../protocol/json.ts';
import { AdmissionThread } from '../rooms/admission-thread.ts';
import { openErasedUsers } from '../rooms/erased-users.ts';
import { openEventCache } from '../rooms/event-cache.ts';
import { newReceiving, type Receiving } from '../rooms/receive.ts';
import type { RoomParts } from '../rooms/room-parts.ts';
import { RoomWriter } from '../rooms/room-writer.ts';
import { TYPING_CHANNEL, Typing } from '../rooms/typing.ts';
import { ENDED_SESSIONS_CHANNEL } from '../storage/access-tokens.ts';
import { findAccountData } from '../storage/account-data.ts';
import { RECOVERY_CHANNEL } from '../storage/destinations.ts';
import { openIdBlocks } from '../storage/id-blocks.ts';
import { LogFollower } from '../storage/log-follower.ts';
import { profileOf } from '../storage/profiles.ts';
import { openRooms as openRoomTable } from '../storage/rooms.ts';
import { openStateKeys } from '../storage/state-keys.ts';
import { openStateSnapshots } from '../storage/state-snapshots.ts';
import { watchDeviceLists } from '../sync/device-list-watch.ts';
import { openSyncMemory } from '../sync/sync-memory.ts';
import type { SyncParts } from '../sync/sync-parts.ts';
import { accountDataSince } from '../users/account-data.ts';
import { openPresence, PRESENCE_CHANNEL, type Presence } from '../users/presence.ts';
import { presenceEventsSince } from '../users/presence-events.ts';
import { pushRulesetOf } from '../users/push-rules.ts';
import type { CommonParts } from './common-parts.ts';

const CHANNELS = [TYPING_CHANNEL, PRESENCE_CHANNEL, RECOVERY_CHANNEL, ENDED_SESSIONS_CHANNEL];

export interface RoomsAndSync {
  readonly parts: RoomParts;
  readonly receiving: Receiving;
  readonly typing: Typing;
  readonly presence: Presence;
  readonly sync: SyncParts;
  stop(): Promise<void>;
}

export async function openRooms(common: CommonParts, federation: Federation): Promise<RoomsAndSync> {
  const { config, db, clock, onError } = common;
  const follower = await LogFollower.start(db, CHANNELS, onError);
  const typing = new Typing(db, follower, clock);
  const presence = await openPresence(db, follower, clock, onError);
  const parts: RoomParts = {
    serverName: config.server_name,
    signingKey: federation.ownKeys.current,
    clock,
    db,
    rooms: openRoomTable(db),
    stateKeys: openStateKeys(db),
    snapshots: openStateSnapshots(db, openIdBlocks(db, 'state_snapshot_ids', 64)),
    eventNids: openIdBlocks(db, 'event_nids', 256),
    events: openEventCache(db),
    writer: new RoomWriter(db, () => parts),
    follower,
    federation: federation.client,
    keyRing: federation.keyRing,
    admissionThread: new AdmissionThread(),
    profileOf: (userId) => profileOf(db, userId),
    erasedUsers: openErasedUsers(db, follower),
    onError,
  };
  const sync: SyncParts = {
    rooms: parts,
    typing,
    deviceLists: watchDeviceLists(db, follower, config.server_name, onError),
    accountData: (userId, since, until) => accountDataSince(db, userId, since, until),
    presenceSince: (userId, token) => presenceEventsSince(db, presence, userId, token),
    presenceToken: () => presence.token(),
    memory: openSyncMemory(follower),
    pushRules: (userId) => pushRulesetOf(db, userId),
    async ignoredUsers(userId) {
      const list = (await findAccountData(db, userId, '', 'm.ignored_user_list'))?.ignored_users;
      return new Set(isJsonObject(list) ? Object.keys(list) : []);
    },
  };
  return {
    parts,
    receiving: newReceiving(clock),
    typing,
    presence,
    sync,
    async stop() {
      typing.stop();
      presence.stop();
      await parts.admissionThread.close();
      await follower.stop();
    },
  };
}
