/** Small settings that stay on this device. Values are JSON. */
export interface KeyValueStore {
  get(key: string): unknown;
  set(key: string, value: unknown): void;
  remove(key: string): void;
  keys(): string[];
}

const prefix = 'parley:';

/** Keeps values in `localStorage`, which may refuse (private windows, full disk): then they last as long as the page. */
export function createLocalStore(storage: Storage): KeyValueStore {
  const memory = new Map<string, unknown>();
  return {
    get(key) {
      if (memory.has(key)) return memory.get(key);
      try {
        const text = storage.getItem(prefix + key);
        return text === null ? undefined : JSON.parse(text);
      } catch {
        return undefined;
      }
    },
    set(key, value) {
      try {
        storage.setItem(prefix + key, JSON.stringify(value));
        memory.delete(key);
      } catch {
        memory.set(key, value);
      }
    },
    remove(key) {
      memory.delete(key);
      try {
        storage.removeItem(prefix + key);
      } catch {
        // Nothing was stored there either.
      }
    },
    keys() {
      const stored: string[] = [];
      try {
        for (let index = 0; index < storage.length; index++) {
          const key = storage.key(index);
          if (key?.startsWith(prefix)) stored.push(key.slice(prefix.length));
        }
      } catch {
        // Only what is in memory, then.
      }
      return [...new Set([...stored, ...memory.keys()])];
    },
  };
}

/** A store that forgets: for tests. */
export function createMemoryStore(): KeyValueStore {
  const values = new Map<string, unknown>();
  return {
    get: (key) => values.get(key),
    set: (key, value) => void values.set(key, value),
    remove: (key) => void values.delete(key),
    keys: () => [...values.keys()],
  };
}
