import type { IEvent, IndexedDBStore } from 'matrix-js-sdk';
import type { Credentials } from '../platform/credentials.ts';
import type { KeyValueStore } from '../platform/key-value-store.ts';

type Login = Pick<Credentials, 'userId' | 'deviceId'>;
type Unsent = Readonly<Record<string, readonly Partial<IEvent>[]>>;

/** One entry per login: what one user left unsent is never sent in the name of another. */
const keyOf = ({ userId, deviceId }: Login): string => `unsent:${userId}:${deviceId}`;

/**
 * Lets the SDK's store keep what no server has acknowledged where it survives the page, with the transaction ids under which
 * it may be sent again without being doubled. Tabs of one login share the entry: each changes only what is its own.
 */
export function keepUnsent(
  store: Pick<IndexedDBStore, 'getPendingEvents' | 'setPendingEvents'>,
  storage: KeyValueStore,
  login: Login,
): void {
  const key = keyOf(login);
  const kept = readUnsent(storage, key);
  const own = new Map<string, Set<unknown>>();
  store.getPendingEvents = async (roomId) => [...(kept[roomId] ?? [])];
  store.setPendingEvents = async (roomId, events) => {
    const waiting = events.filter((event) => event.event_id?.startsWith('~'));
    const ids = new Set<unknown>(waiting.map((event) => event.txn_id));
    const { [roomId]: stored = [], ...others } = readUnsent(storage, key);
    const before = own.get(roomId) ?? new Set((kept[roomId] ?? []).map((event) => event.txn_id));
    own.set(roomId, ids);
    const ofOtherTabs = stored.filter(({ txn_id: id }) => !before.has(id) && !ids.has(id));
    const all = [...ofOtherTabs, ...waiting];
    const next: Unsent = all.length > 0 ? { ...others, [roomId]: all } : others;
    if (Object.keys(next).length > 0) storage.set(key, next);
    else storage.remove(key);
  };
}

/** Forgets what a login left unsent. */
export function forgetUnsent(storage: KeyValueStore, login: Login): void {
  storage.remove(keyOf(login));
}

function readUnsent(storage: KeyValueStore, key: string): Unsent {
  const value = storage.get(key);
  return typeof value === 'object' && value !== null ? (value as Unsent) : {};
}
