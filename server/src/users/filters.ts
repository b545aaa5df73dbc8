import { LruCache } from '../base/lru-cache.ts';
import { forbidden, notFound, tooLarge } from '../protocol/errors.ts';
import type { UserId } from '../protocol/event.ts';
import { type Filter, parseFilter } from '../protocol/filter.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Database } from '../storage/database.ts';
import { findFilter, putFilter } from '../storage/filters.ts';

export interface Filters {
  /** Stores a definition and answers its id; throws `M_BAD_JSON` where it is none, `M_TOO_LARGE`, and 403 when there are too many. */
  define(userId: UserId, definition: JsonObject): Promise<string>;
  /** The definition as it was uploaded; throws 404 where there is none. */
  definition(userId: UserId, filterId: string): Promise<JsonObject>;
  /** The filter ready for use; undefined where there is none. A filter never changes, so it is remembered. */
  find(userId: UserId, filterId: string): Promise<Filter | undefined>;
}

const REMEMBERED = 2_000;
/** Filters of a user, and bytes of one as JSON. They are kept for ever: a client may name any of them at any time. */
const MAX_FILTERS = 1_000;
const MAX_FILTER_BYTES = 64 * 1024;

export function createFilters(db: Database): Filters {
  const filters = new LruCache<string, Filter>(REMEMBERED);
  return {
    async define(userId, definition) {
      parseFilter(definition);
      if (Buffer.byteLength(JSON.stringify(definition)) > MAX_FILTER_BYTES)
        throw tooLarge(`A filter may have at most ${MAX_FILTER_BYTES} bytes.`);
      const id = await db.transaction(async (tx) => await putFilter(tx, userId, definition, MAX_FILTERS));
      if (id === undefined) throw forbidden(`You have ${MAX_FILTERS} filters already, which is the most.`);
      return id;
    },

    async definition(userId, filterId) {
      const found = await findFilter(db, userId, filterId);
      if (found === undefined) throw notFound('There is no such filter.');
      return found;
    },

    async find(userId, filterId) {
      const key = `${filterId} ${userId}`;
      const known = filters.get(key);
      if (known !== undefined) return known;
      const found = await findFilter(db, userId, filterId);
      if (found === undefined) return undefined;
      const filter = parseFilter(found);
      filters.set(key, filter);
      return filter;
    },
  };
}
