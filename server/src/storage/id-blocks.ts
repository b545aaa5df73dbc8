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
      while (ids.length < count) {
        if (next === end) {
          const [row] = await db.query<{ first: number }>(`SELECT nextval($1::regclass) AS first`, [sequence]);
          if (row === undefined) throw new Error(`${sequence} gave no id`);
          // Another call may have fetched a block meanwhile: ids of the older one are skipped, never repeated.
          next = row.first;
          end = row.first + increment;
        }
        ids.push(next++);
      }
      return ids;
    },
  };
}
