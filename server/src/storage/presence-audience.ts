import type { ServerName, UserId } from '../protocol/event.ts';
import type { Queryable } from './database.ts';
import { fromStoredText, toStoredText } from './text.ts';

/** Some users of ours who share a room with a server. */
export interface PresenceAudience {
  readonly server: ServerName;
  readonly userIds: readonly UserId[];
}

const SHARED = `SELECT s.server, array_agg(DISTINCT m.user_id) AS user_ids FROM memberships m JOIN room_servers s USING (room_nid)
  WHERE m.user_id = ANY ($1::text[]) AND m.membership = 'join' AND s.server <> $2 AND s.joined_members > 0`;
const WITH_ANY = `${SHARED} GROUP BY s.server`;
const WITH_SOME = `${SHARED} AND s.server = ANY ($3::text[]) GROUP BY s.server`;
const NEWLY_SHARED = `${SHARED} AND m.room_nid = ANY ($3::bigint[]) AND (s.since_position >= $4 OR m.joined_position >= $4)
  GROUP BY s.server`;

async function read(db: Queryable, sql: string, userIds: readonly UserId[], ...more: unknown[]) {
  const rows = await db.query<{ server: ServerName; user_ids: string[] }>(sql, [userIds.map(toStoredText), ...more]);
  return rows.map((row): PresenceAudience => {
    return { server: row.server, userIds: row.user_ids.map((userId) => fromStoredText(userId) as UserId) };
  });
}

/** The other servers that share a room with one of the users, each with those of them. */
export async function presenceAudience(
  db: Queryable,
  ownServer: ServerName,
  userIds: readonly UserId[],
): Promise<PresenceAudience[]> {
  return await read(db, WITH_ANY, userIds, ownServer);
}

/** The same for some servers only. */
export async function presenceAudienceAmong(
  db: Queryable,
  ownServer: ServerName,
  userIds: readonly UserId[],
  servers: readonly ServerName[],
): Promise<PresenceAudience[]> {
  return await read(db, WITH_SOME, userIds, ownServer, servers);
}

/** The same for some rooms only, where server or user came to the room at or after a position of the log. */
export async function newPresenceAudience(
  db: Queryable,
  ownServer: ServerName,
  userIds: readonly UserId[],
  rooms: { readonly nids: readonly number[]; readonly since: number },
): Promise<PresenceAudience[]> {
  return await read(db, NEWLY_SHARED, userIds, ownServer, rooms.nids, rooms.since);
}
