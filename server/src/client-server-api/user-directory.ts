/** POST /_matrix/client/v3/user_directory/search: Client-Server API, "User Directory". */
import Type from 'typebox';
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { boundedString } from '../http/schemas.ts';
import type { UserId } from '../protocol/event.ts';

export interface UserDirectory {
  /** The best matches first, at most `limit`. */
  search(
    viewer: UserId,
    term: string,
    limit: number,
  ): Promise<readonly { userId: UserId; displayName: string | undefined; avatarUrl: string | undefined }[]>;
}

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 50;

export function userDirectoryRoutes(directory: UserDirectory): ClientRoute[] {
  return [
    clientRoute({
      method: 'POST',
      path: '/_matrix/client/v3/user_directory/search',
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      body: Type.Object({ search_term: boundedString(255), limit: Type.Optional(Type.Integer({ minimum: 0 })) }),
      async handle({ body, requester }) {
        const limit = Math.min(body.limit ?? DEFAULT_LIMIT, MAX_LIMIT);
        const term = body.search_term.trim();
        if (term === '') return { limited: false, results: [] };
        const found = await directory.search(requester.userId, term, limit + 1);
        return {
          limited: found.length > limit,
          results: found.slice(0, limit).map((user) => ({
            user_id: user.userId,
            ...(user.displayName === undefined ? {} : { display_name: user.displayName }),
            ...(user.avatarUrl === undefined ? {} : { avatar_url: user.avatarUrl }),
          })),
        };
      },
    }),
  ];
}
