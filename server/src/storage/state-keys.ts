import { LruCache } from '../base/lru-cache.ts';
import { type StateKey, stateKey } from '../protocol/event.ts';
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
  ON CONFLICT DO NOTHING`;
const RESOLVE = 'SELECT nid, type, state_key FROM state_keys WHERE nid = ANY ($1::bigint[])';

export function openStateKeys(db: Queryable): StateKeys {
  const nids = new LruCache<StateKey, number>(200_000);
  const keys = new LruCache<number, StateKey>(200_000);

  function remember(rows: Row[]): void {
    for (const row of rows) {
      const key = stateKey(fromStoredText(row.type), fromStoredText(row.state_key));
      nids.set(key, row.nid);
      keys.set(row.nid, key);
    }
  }

  async function load(missing: StateKey[], makeNew: boolean): Promise<void> {
    if (missing.length === 0) return;
    const pairs = missing.map(split);
    const values = [pairs.map(([type]) => toStoredText(type)), pairs.map(([, key]) => toStoredText(key))];
    remember(await db.query<Row>(FIND, values));
    if (!makeNew || missing.every((key) => nids.get(key) !== undefined)) return;
    await db.query(INSERT, values);
    remember(await db.query<Row>(FIND, values));
  }

  return {
    async intern(wanted) {
      await load([...new Set(wanted.filter((key) => nids.get(key) === undefined))], true);
      return wanted.map((key) => {
        const nid = nids.get(key);
        if (nid === undefined) throw new Error('a state key could not be interned');
        return nid;
      });
    },
    async find(wanted) {
      await load([...new Set(wanted.filter((key) => nids.get(key) === undefined))], false);
      const found = new Map<StateKey, number>();
      for (const key of wanted) {
        const nid = nids.get(key);
        if (nid !== undefined) found.set(key, nid);
      }
      return found;
    },
    async resolve(wanted) {
      const missing = wanted.filter((nid) => keys.get(nid) === undefined);
      const found = new Map<number, StateKey>();
      if (missing.length > 0) {
        const rows = await db.query<Row>(RESOLVE, [missing]);
        remember(rows);
        for (const row of rows) found.set(row.nid, stateKey(fromStoredText(row.type), fromStoredText(row.state_key)));
      }
      for (const nid of wanted) {
        const key = keys.get(nid);
        if (key !== undefined) found.set(nid, key);
      }
      return found;
    },
  };
}
