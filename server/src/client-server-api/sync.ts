import Type from 'typebox';
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { boundedString } from '../http/schemas.ts';
import { invalidParam } from '../protocol/errors.ts';
import type { UserId } from '../protocol/event.ts';
import { type Filter, NO_FILTER, parseFilter } from '../protocol/filter.ts';
import { MAX_TOKEN_LENGTH } from '../rooms/timeline-token.ts';
import { sync } from '../sync/sync.ts';
import type { SyncParts } from '../sync/sync-parts.ts';
import { parseSyncToken } from '../sync/sync-token.ts';
import type { Presence } from '../users/presence.ts';
import { queryJson } from './query-json.ts';

/** Longest wait of a `/sync`, and what is left to answer it. */
const ROUTE_TIMEOUT_MS = 150_000;

export type FilterOf = (userId: UserId, filterId: string) => Promise<Filter | undefined>;

export function syncRoutes(parts: SyncParts, filterOf: FilterOf, presence: Pick<Presence, 'syncing'>): ClientRoute[] {
  return [
    // GET /_matrix/client/v3/sync — "Syncing"
    clientRoute({
      method: 'GET',
      path: '/_matrix/client/v3/sync',
      auth: 'access_token',
      guests: true,
      rateLimit: 'none',
      timeoutMs: ROUTE_TIMEOUT_MS,
      longPoll: true,
      query: Type.Object({
        filter: Type.Optional(boundedString(16_384)),
        since: Type.Optional(boundedString(MAX_TOKEN_LENGTH)),
        full_state: Type.Optional(Type.Boolean()),
        use_state_after: Type.Optional(Type.Boolean()),
        set_presence: Type.Optional(
          Type.Union([Type.Literal('offline'), Type.Literal('online'), Type.Literal('unavailable')]),
        ),
        timeout: Type.Optional(Type.Integer({ minimum: 0 })),
      }),
      async handle({ query, requester, signal }) {
        await presence.syncing(requester.userId, query.set_presence ?? 'online');
        return await sync(
          parts,
          requester,
          {
            since: query.since === undefined ? undefined : parseSyncToken(query.since),
            filter: await readFilter(query.filter, requester.userId, filterOf),
            fullState: query.full_state ?? false,
            stateAfter: query.use_state_after ?? false,
            timeoutMs: query.timeout ?? 0,
          },
          signal,
        );
      },
    }),
  ];
}

/** The filter itself, or the id of one that was stored. @throws MatrixError M_INVALID_PARAM */
async function readFilter(text: string | undefined, userId: UserId, filterOf: FilterOf): Promise<Filter> {
  if (text === undefined || text === '') return NO_FILTER;
  if (text.startsWith('{')) return parseFilter(queryJson(text, 'filter'));
  const stored = await filterOf(userId, text);
  if (stored === undefined) throw invalidParam('There is no filter with this id.');
  return stored;
}
