import type { Clock } from '../base/clock.ts';
import type { OutboundHttp } from '../base/outbound-http.ts';
import type { ServerName } from '../protocol/event.ts';
import { type EventCalls, eventCalls } from './event-calls.ts';
import { type MediaCalls, mediaCalls } from './media-calls.ts';
import { type MembershipCalls, membershipCalls } from './membership-calls.ts';
import type { PeerTransport } from './peer-transport.ts';
import { type QueryCalls, queryCalls } from './query-calls.ts';
import type { SignedRequests } from './signed-request.ts';

/**
 * Every call that this server makes to others. Failures are `FederationError`s, which may be passed on to clients. The form of
 * answers is checked, what they say is not: whether an event is the one that was asked for is for the caller to see.
 */
export type FederationClient = MembershipCalls & EventCalls & QueryCalls & MediaCalls;

export function createFederationClient(options: {
  readonly serverName: ServerName;
  readonly requests: SignedRequests;
  readonly transport: PeerTransport;
  readonly http: OutboundHttp;
  readonly clock: Clock;
}): FederationClient {
  const { serverName, requests, clock } = options;
  return {
    ...membershipCalls(requests),
    ...eventCalls(requests, serverName, clock),
    ...queryCalls(requests),
    ...mediaCalls(options),
  };
}
