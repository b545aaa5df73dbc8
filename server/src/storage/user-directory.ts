import type { UserId } from '../protocol/event.ts';
import type { Queryable } from './database.ts';
import { fromStoredText, toStoredText } from './text.ts';

export interface DirectoryUser {
  readonly userId: UserId;
  readonly displayName: string | undefined;
  readonly avatarUrl: string | undefined;
}

/*
 * Join rules and history visibility are looked up in the event itself. It is canonical JSON, so that an escape in it stands for
 * a control character, and then `json` may refuse it: such an event counts as neither public nor world-readable.
 */
const PUBLIC_ROOM = `
  SELECT 1 FROM current_state s JOIN state_keys k ON k.nid = s.state_key_nid JOIN events e ON e.nid = s.event_nid
  WHERE s.room_nid = m.room_nid AND k.state_key = '' AND k.type IN ('m.room.join_rules', 'm.room.history_visibility')
    AND CASE WHEN e.pdu LIKE '%\\\\u%' THEN false
        ELSE e.pdu::json #>> '{content,join_rule}' = 'public' OR e.pdu::json #>> '{content,history_visibility}' = 'world_readable' END`;

const SEARCH = `
WITH found AS (
  SELECT DISTINCT ON (m.user_id) m.user_id, m.display_name, m.avatar_url,
    CASE WHEN lower(m.display_name) = $2 OR lower(m.user_id) = $2 OR lower(m.user_id) LIKE '@' || $3 || ':%' THEN 0
      WHEN lower(m.display_name) LIKE $3 || '%' OR lower(m.user_id) LIKE '@' || $3 || '%' THEN 1 ELSE 2 END AS rank
  FROM memberships m
  WHERE m.membership = 'join' AND m.user_id <> $1
    AND (strpos(lower(m.user_id), $2) > 0 OR strpos(lower(m.display_name), $2) > 0)
    AND (EXISTS (SELECT 1 FROM memberships own WHERE own.room_nid = m.room_nid AND own.user_id = $1 AND own.membership = 'join')
      OR EXISTS (${PUBLIC_ROOM}))
  ORDER BY m.user_id, (m.display_name IS NULL), m.position DESC
)
SELECT user_id, display_name, avatar_url FROM found ORDER BY rank, (display_name IS NULL), user_id LIMIT $4`;

/**
 * Users whose id or display name contains `term`, in any case, among those who share a room with `viewer` or are joined to a
 * room that anybody may join or read. The best matches first, at most `limit`.
 */
export async function searchUsers(
  db: Queryable,
  viewer: string,
  term: string,
  limit: number,
): Promise<DirectoryUser[]> {
  const text = toStoredText(term.toLowerCase());
  const pattern = text.replaceAll(/[\\%_]/g, '\\$&');
  const rows = await db.query<{ user_id: string; display_name: string | null; avatar_url: string | null }>(SEARCH, [
    viewer,
    text,
    pattern,
    limit,
  ]);
  return rows.map((row) => ({
    userId: fromStoredText(row.user_id) as UserId,
    displayName: row.display_name === null ? undefined : fromStoredText(row.display_name),
    avatarUrl: row.avatar_url === null ? undefined : fromStoredText(row.avatar_url),
  }));
}

/** Those of `userIds` who are joined to a room that `viewer` is joined to. */
export async function findContacts(db: Queryable, viewer: string, userIds: readonly string[]): Promise<UserId[]> {
  if (userIds.length === 0) return [];
  const rows = await db.query<{ user_id: string }>(
    `SELECT DISTINCT b.user_id FROM memberships a JOIN memberships b USING (room_nid)
     WHERE a.user_id = $1 AND b.user_id = ANY ($2::text[]) AND a.membership = 'join' AND b.membership = 'join'`,
    [toStoredText(viewer), userIds.map(toStoredText)],
  );
  return rows.map((row) => fromStoredText(row.user_id) as UserId);
}
