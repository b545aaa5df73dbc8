import type { Queryable } from './database.ts';

/** Hands out ids of a sequence that grows by whole blocks: one query per block instead of one per id. */
export interface IdBlocks {
  take(count: number): Promise<number[]>;
}

/** @param increment the sequence's own INCREMENT BY: the size of a block */
export function openIdBlocks(db: Queryable, sequence: string, increment: number): IdBlocks {
  let next = 0;
  let end = 0;
  return {
    async take(count) {
      const ids: number[] = [];
      const takeHeld = () => {
        while (ids.length < count && next < end) ids.push(next++);
      };
      takeHeld();
      if (ids.length === count) return ids;
      const blocks = Math.ceil((count - ids.length) / increment);
      const sql = 'SELECT nextval($1::regclass) AS first FROM generate_series(1, $2::bigint)';
      for (const { first } of await db.query<{ first: number }>(sql, [sequence, blocks])) {
        // Another call may have fetched a block meanwhile: what is left of the older one is skipped, never repeated.
        [next, end] = [first, first + increment];
        takeHeld();
      }
      if (ids.length < count) throw new Error(`${sequence} gave too few ids`);
      return ids;
    },
  };
}
