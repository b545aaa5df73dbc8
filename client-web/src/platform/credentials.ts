import type { KeyValueStore } from './key-value-store.ts';

/** What a login gives: enough to speak for a user from this device. */
export interface Credentials {
  /** Origin and path prefix of the homeserver, without a slash at the end. */
  baseUrl: string;
  userId: string;
  deviceId: string;
  accessToken: string;
}

const key = 'credentials';

/** The login that this browser remembers, or undefined when there is none or it is damaged. */
export function readCredentials(store: KeyValueStore): Credentials | undefined {
  const value = store.get(key) as Partial<Credentials> | undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  const { baseUrl, userId, deviceId, accessToken } = value;
  const complete = [baseUrl, userId, deviceId, accessToken].every((part) => typeof part === 'string' && part !== '');
  return complete ? (value as Credentials) : undefined;
}

export function writeCredentials(store: KeyValueStore, credentials: Credentials): void {
  store.set(key, credentials);
}

export function forgetCredentials(store: KeyValueStore): void {
  store.remove(key);
}
