import type { Clock } from '../base/clock.ts';
import type { FederationClient } from '../federation/federation-client.ts';
import type { KeyRing } from '../federation/key-ring.ts';
import type { ServerName, UserId } from '../protocol/event.ts';
import type { SigningKey } from '../protocol/signing.ts';
import type { Database } from '../storage/database.ts';
import type { IdBlocks } from '../storage/id-blocks.ts';
import type { LogFollower } from '../storage/log-follower.ts';
import type { Rooms } from '../storage/rooms.ts';
import type { StateKeys } from '../storage/state-keys.ts';
import type { StateSnapshots } from '../storage/state-snapshots.ts';
import type { AdmissionThread } from './admission-thread.ts';
import type { ErasedUsers } from './erased-users.ts';
import type { EventCache } from './event-cache.ts';
import type { RoomWriter } from './room-writer.ts';

/** Profile of a local user, as it goes into member events. */
export type ProfileOf = (
  userId: UserId,
) => Promise<{ displayname: string | undefined; avatar_url: string | undefined }>;

/** What the functions of `rooms/` work with. Built once per process in `homeserver.ts`. */
export interface RoomParts {
  readonly serverName: ServerName;
  readonly signingKey: SigningKey;
  readonly clock: Clock;
  readonly db: Database;
  readonly rooms: Rooms;
  readonly stateKeys: StateKeys;
  readonly snapshots: StateSnapshots;
  readonly eventNids: IdBlocks;
  readonly events: EventCache;
  readonly writer: RoomWriter;
  readonly follower: LogFollower;
  readonly federation: FederationClient;
  readonly keyRing: KeyRing;
  readonly admissionThread: AdmissionThread;
  readonly profileOf: ProfileOf;
  readonly erasedUsers: ErasedUsers;
  /** Where failures of background work go. */
  readonly onError: (error: unknown) => void;
}
