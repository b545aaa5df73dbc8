import type { ServerName } from '../protocol/event.ts';
import type { Database } from '../storage/database.ts';
import { contactsOn } from '../storage/device-lists.ts';
import type { LogFollower } from '../storage/log-follower.ts';

/** Local users who share a room with somebody whose devices changed; undefined where that cannot be told. */
type ContactsListener = (contacts: ReadonlySet<string> | undefined) => void;

export interface DeviceListWatch {
  /** @returns stops listening */
  onChange(listener: ContactsListener): () => void;
}

/**
 * Tells waiting clients that devices of somebody they share a room with have changed. Who that is, is looked up once for all
 * clients of this process, not by each of them.
 */
export function watchDeviceLists(
  db: Database,
  follower: Pick<LogFollower, 'onRows'>,
  serverName: ServerName,
  onError: (error: unknown) => void,
): DeviceListWatch {
  const listeners = new Set<ContactsListener>();
  const changed = new Set<string>();
  let isLooking = false;

  async function look(): Promise<void> {
    isLooking = true;
    while (changed.size > 0) {
      const users = [...changed];
      changed.clear();
      const contacts = await contactsOn(db, serverName, users).catch((error: unknown) => {
        onError(error);
        return undefined;
      });
      for (const listener of listeners) listener(contacts);
    }
    isLooking = false;
  }

  follower.onRows((rows) => {
    for (const { kind, userId } of rows) if (kind === 'device_list' && userId !== null) changed.add(userId);
    if (changed.size > 0 && !isLooking && listeners.size > 0) void look();
    else if (listeners.size === 0) changed.clear();
  });

  return {
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
