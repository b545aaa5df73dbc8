import type { ServerName, UserId } from '../protocol/event.ts';
import { isJsonObject, type JsonObject } from '../protocol/json.ts';
import { requireUserOf } from '../rooms/receive-edus.ts';
import type { Queryable } from '../storage/database.ts';
import { contactsOn } from '../storage/device-lists.ts';
import { findContacts } from '../storage/user-directory.ts';
import type { Presence, PresenceState } from './presence.ts';

/** As of our own users. */
const MAX_STATUS_LENGTH = 512;
/** Users in one EDU of which anything is kept. */
const MAX_USERS = 100;
const STATES: ReadonlySet<unknown> = new Set<PresenceState>(['online', 'unavailable', 'offline']);

/** Longer than anybody has been away. */
const MAX_AGO_MS = 100 * 365 * 86_400_000;

/** The `m.presence` events that a user has not seen yet: of those with whom they share a room. See `Presence.changedSince`. */
export async function presenceEventsSince(
  db: Queryable,
  presence: Presence,
  viewer: UserId,
  token: string | undefined,
): Promise<JsonObject[]> {
  const contacts = await findContacts(db, viewer, presence.changedSince(token));
  return contacts.flatMap((sender) => {
    const content = presence.contentOf(sender);
    return content === undefined ? [] : [{ type: 'm.presence', sender, content }];
  });
}

/**
 * Receives an `m.presence` EDU (Server-Server API, "Presence"). Only what is said of users who share a room with somebody here
 * is kept.
 *
 * @throws MatrixError M_FORBIDDEN where one of the users is not of the server (A2.1); nothing of the EDU counts then
 */
export async function receivePresence(
  db: Queryable,
  ownServer: ServerName,
  presence: Pick<Presence, 'hear'>,
  origin: ServerName,
  edu: JsonObject,
): Promise<void> {
  const pushed = Array.isArray(edu.push) ? edu.push.filter(isJsonObject).slice(0, MAX_USERS) : [];
  const said = pushed.map((update) => ({ update, userId: requireUserOf(origin, update.user_id) }));
  // Of one user the last one counts (A2.3).
  for (const [userId, update] of new Map(said.map((one) => [one.userId, one.update]))) {
    const { presence: state, status_msg: status, last_active_ago: ago } = update;
    if (!STATES.has(state) || (await contactsOn(db, ownServer, [userId])).size === 0) continue;
    await presence.hear(userId, {
      presence: state as PresenceState,
      statusMsg: typeof status === 'string' && status !== '' ? status.slice(0, MAX_STATUS_LENGTH) : undefined,
      lastActiveAgoMs: typeof ago === 'number' && ago > 0 ? Math.min(ago, MAX_AGO_MS) : 0,
    });
  }
}
