import type { UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Queryable } from '../storage/database.ts';
import { findContacts } from '../storage/user-directory.ts';
import type { Presence, ShownPresence } from './presence.ts';

/** Whoever did something within this time is called active. */
const ACTIVE_MS = 300_000;

/** Content of `m.presence`, and the answer of `GET /presence/{userId}/status`. */
export function presenceContent(shown: ShownPresence): JsonObject {
  return {
    presence: shown.presence,
    last_active_ago: shown.lastActiveAgoMs,
    ...(shown.presence === 'online' ? { currently_active: shown.lastActiveAgoMs < ACTIVE_MS } : {}),
    ...(shown.statusMsg === undefined ? {} : { status_msg: shown.statusMsg }),
  };
}

/** The `m.presence` events that a user has not seen yet: of those with whom they share a room. See `Presence.changedSince`. */
export async function presenceEventsSince(
  db: Queryable,
  presence: Presence,
  viewer: UserId,
  token: string | undefined,
): Promise<JsonObject[]> {
  const contacts = await findContacts(db, viewer, presence.changedSince(token));
  return contacts.flatMap((sender) => {
    const shown = presence.of(sender);
    return shown === undefined ? [] : [{ type: 'm.presence', sender, content: presenceContent(shown) }];
  });
}
