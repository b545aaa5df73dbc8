import { LruCache } from '../base/lru-cache.ts';
import { type StateKey, stateKey } from '../protocol/event.ts';
import { textArray } from './binary-arrays.ts';
import type { Queryable } from './database.ts';
import { fromStoredText, toStoredText } from './text.ts';

/** (event type, state key) ↔ integer. Rows are never changed, so both directions are cached. */
export interface StateKeys {
  /** Ids of the pairs, made where they are new. In the order of the input. */
  intern(keys: readonly StateKey[]): Promise<number[]>;
  /** Ids of those pairs that exist. */
  find(keys: readonly StateKey[]): Promise<Map<StateKey, number>>;
  /** The pairs of the ids. */
  resolve(nids: readonly number[]): Promise<Map<number, StateKey>>;
}

function split(key: StateKey): [type: string, key: string] {
  const at = key.indexOf('\0');
  return [key.slice(0, at), key.slice(at + 1)];
}

interface Row {
  nid: number;
  type: string;
  state_key: string;
}

const FIND = `SELECT nid, type, state_key FROM state_keys
  JOIN unnest($1::text[], $2::text[]) AS wanted (type, state_key) USING (type, state_key)`;
const INSERT = `INSERT INTO state_keys (type, state_key) SELECT * FROM unnest($1::text[], $2::text[])
  ON CONFLICT DO NOTHING RETURNING nid, type, state_key`;
const RESOLVE = 'SELECT nid, type, state_key FROM state_keys WHERE nid = ANY ($1::bigint[])';

/** @param capacity pairs that are kept in memory */
export function openStateKeys(db: Queryable, capacity = 200_000): StateKeys {
  const nids = new LruCache<StateKey, number>(capacity);
  const keys = new LruCache<number, StateKey>(capacity);

  function remember(rows: readonly Row[]): [nid: number, key: StateKey][] {
    return rows.map((row) => {
      const key = stateKey(fromStoredText(row.type), fromStoredText(row.state_key));
      nids.set(key, row.nid);
      keys.set(row.nid, key);
      return [row.nid, key];
    });
  }

  /** What the cache knows and, for what it lacks, what the statements say one after the other. */
  async function look(wanted: readonly StateKey[], statements: readonly string[]): Promise<Map<StateKey, number>> {
    const known = new Map<StateKey, number>();
    let missing: StateKey[] = [];
    for (const key of new Set(wanted)) {
      const nid = nids.get(key);
      if (nid === undefined) missing.push(key);
      else known.set(key, nid);
    }
    for (const sql of statements) {
      if (missing.length === 0) break;
      // Always in the same order, so that two who make the same pairs cannot wait for each other in a circle.
      const pairs = missing.sort().map(split);
      const types = textArray(pairs.map(([type]) => toStoredText(type)));
      const stateKeys = textArray(pairs.map(([, key]) => toStoredText(key)));
      for (const [nid, key] of remember(await db.query<Row>(sql, [types, stateKeys]))) known.set(key, nid);
      missing = missing.filter((key) => !known.has(key));
    }
    return known;
  }

  return {
    async intern(wanted) {
      // The last looks for those that others have made meanwhile.
      const known = await look(wanted, [FIND, INSERT, FIND]);
      return wanted.map((key) => {
        const nid = known.get(key);
        if (nid === undefined) throw new Error('a state key could not be interned');
        return nid;
      });
    },
    find: (wanted) => look(wanted, [FIND]),
    async resolve(wanted) {
      const found = new Map<number, StateKey>();
      const missing: number[] = [];
      for (const nid of wanted) {
        const key = keys.get(nid);
        if (key === undefined) missing.push(nid);
        else found.set(nid, key);
      }
      if (missing.length === 0) return found;
      for (const [nid, key] of remember(await db.query<Row>(RESOLVE, [missing]))) found.set(nid, key);
      return found;
    },
  };
}
