import type { UserId } from '../protocol/event.ts';
import type { Queryable } from './database.ts';

export interface UiaSessionRow {
  /** What the session was opened for, bound to its id. */
  readonly operation: Buffer;
  /** Stages in the order of their completion. */
  readonly completed: readonly string[];
  /** Milliseconds since 1970 of the last completed stage. */
  readonly completedAt: number | null;
  /** Whose password was given. */
  readonly userId: UserId | null;
  readonly registrationTokenId: number | null;
}

/** Adds a session, and forgets those that have expired. Times are milliseconds since 1970. */
export async function insertUiaSession(
  db: Queryable,
  session: { idHash: Buffer; operation: Buffer; expiresAt: number },
  now: number,
): Promise<void> {
  await db.query('DELETE FROM uia_sessions WHERE expires_at <= $1', [now]);
  await db.query('INSERT INTO uia_sessions (id_hash, operation, expires_at) VALUES ($1, $2, $3)', [
    session.idHash,
    session.operation,
    session.expiresAt,
  ]);
}

export async function findUiaSession(db: Queryable, idHash: Buffer, now: number): Promise<UiaSessionRow | undefined> {
  const [row] = await db.query<{
    operation: Buffer;
    completed: string[];
    completed_at: number | null;
    user_id: UserId | null;
    registration_token_id: number | null;
  }>(
    `SELECT operation, completed, completed_at, user_id, registration_token_id FROM uia_sessions
     WHERE id_hash = $1 AND expires_at > $2`,
    [idHash, now],
  );
  return (
    row && {
      operation: row.operation,
      completed: row.completed,
      completedAt: row.completed_at,
      userId: row.user_id,
      registrationTokenId: row.registration_token_id,
    }
  );
}

export async function updateUiaSession(
  db: Queryable,
  idHash: Buffer,
  session: Omit<UiaSessionRow, 'operation'>,
): Promise<void> {
  await db.query(
    `UPDATE uia_sessions SET completed = $2, completed_at = $3, user_id = $4, registration_token_id = $5 WHERE id_hash = $1`,
    [idHash, session.completed, session.completedAt, session.userId, session.registrationTokenId],
  );
}

export async function deleteUiaSession(db: Queryable, idHash: Buffer): Promise<void> {
  await db.query('DELETE FROM uia_sessions WHERE id_hash = $1', [idHash]);
}
