import type { UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import { parseJson } from '../protocol/json-parser.ts';
import type { Queryable, Transaction } from './database.ts';
import { appendLog } from './log.ts';

/** What member events carry of a profile. */
export interface MemberProfile {
  readonly displayname: string | undefined;
  readonly avatar_url: string | undefined;
}

/** Display name and avatar of a local user, for member events; both undefined where there is no such user. */
export async function profileOf(db: Queryable, userId: string): Promise<MemberProfile> {
  const [row] = await db.query<{ display_name: string | null; avatar_url: string | null }>(
    'SELECT display_name, avatar_url FROM profiles WHERE user_id = $1',
    [userId],
  );
  return { displayname: row?.display_name ?? undefined, avatar_url: row?.avatar_url ?? undefined };
}

/** All fields of a local user's profile; undefined where there is no such user or the account is closed. */
export async function findProfile(db: Queryable, userId: string): Promise<JsonObject | undefined> {
  const [row] = await db.query<{ fields: string }>(
    `SELECT fields FROM profiles JOIN accounts USING (user_id) WHERE user_id = $1 AND NOT is_deactivated`,
    [userId],
  );
  return row && (parseJson(row.fields) as JsonObject);
}

/** Like `findProfile`, and holds the row for a change. */
export async function holdProfile(tx: Transaction, userId: string): Promise<JsonObject | undefined> {
  const [row] = await tx.query<{ fields: string }>('SELECT fields FROM profiles WHERE user_id = $1 FOR UPDATE', [
    userId,
  ]);
  return row && (parseJson(row.fields) as JsonObject);
}

const UPDATE = `UPDATE profiles SET fields = $2, display_name = $3, avatar_url = $4, member_changes = member_changes
    + CASE WHEN (display_name, avatar_url) IS DISTINCT FROM ($3, $4) THEN 1 ELSE 0 END
  WHERE user_id = $1`;

/**
 * Writes a whole profile and its entry in the log: the last call of the transaction. `fields` is JSON text. With another name or
 * avatar the profile is one of the `unshownProfiles` from then on.
 */
export async function updateProfile(
  tx: Transaction,
  userId: string,
  profile: { fields: string; displayName: string | null; avatarUrl: string | null },
): Promise<void> {
  await tx.query(UPDATE, [userId, profile.fields, profile.displayName, profile.avatarUrl]);
  await appendLog(tx, [{ kind: 'profile', userId }]);
}

/** How often the name or avatar of a local user has changed. */
export async function memberChangesOf(db: Queryable, userId: string): Promise<number> {
  const [row] = await db.query<{ changes: number }>(
    'SELECT member_changes AS changes FROM profiles WHERE user_id = $1',
    [userId],
  );
  return row?.changes ?? 0;
}

/** Notes that all rooms of the user show the first so many of these changes. */
export async function markProfileShown(db: Queryable, userId: string, changes: number): Promise<void> {
  await db.query('UPDATE profiles SET member_changes_shown = $2 WHERE user_id = $1 AND member_changes_shown < $2', [
    userId,
    changes,
  ]);
}

/** Some of the users whose name or avatar has changed since their rooms were last known to show it, ordered. @param after a user id, exclusive */
export async function unshownProfiles(db: Queryable, after: string, limit: number): Promise<UserId[]> {
  const rows = await db.query<{ user_id: UserId }>(
    `SELECT user_id FROM profiles WHERE member_changes > member_changes_shown AND user_id > $1 ORDER BY user_id LIMIT $2`,
    [after, limit],
  );
  return rows.map((row) => row.user_id);
}
