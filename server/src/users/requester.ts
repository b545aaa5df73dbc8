import type { UserId } from '../protocol/event.ts';

/** Who sent an authenticated client request. */
export interface Requester {
  readonly userId: UserId;
  readonly deviceId: string;
  /** Row id of the access token in use. */
  readonly tokenId: number;
  readonly isGuest: boolean;
  readonly isAdmin: boolean;
}
