import type { UserId } from '../protocol/event.ts';
import type { Queryable, Transaction } from './database.ts';
import { toStoredText } from './text.ts';

export interface AccountRow {
  readonly userId: UserId;
  /** Argon2id in PHC form; null where nobody can sign in with a password. */
  readonly passwordHash: string | null;
  readonly isAdmin: boolean;
  readonly isGuest: boolean;
  readonly isLocked: boolean;
  readonly isDeactivated: boolean;
}

interface Row {
  user_id: UserId;
  password_hash: string | null;
  is_admin: boolean;
  is_guest: boolean;
  is_locked: boolean;
  is_deactivated: boolean;
}

const COLUMNS = 'user_id, password_hash, is_admin, is_guest, is_locked, is_deactivated';

function toAccount(row: Row): AccountRow {
  return {
    userId: row.user_id,
    passwordHash: row.password_hash,
    isAdmin: row.is_admin,
    isGuest: row.is_guest,
    isLocked: row.is_locked,
    isDeactivated: row.is_deactivated,
  };
}

export async function findAccount(db: Queryable, userId: string): Promise<AccountRow | undefined> {
  if (userId.includes('\0')) return undefined; // Postgres has no text for it, and no account has such a name.
  const [row] = await db.query<Row>(`SELECT ${COLUMNS} FROM accounts WHERE user_id = $1`, [userId]);
  return row && toAccount(row);
}

/** Reads an account and holds its row, so that it is not deactivated or locked before this transaction ends. */
export async function holdAccount(tx: Transaction, userId: string): Promise<AccountRow | undefined> {
  const [row] = await tx.query<Row>(`SELECT ${COLUMNS} FROM accounts WHERE user_id = $1 FOR SHARE`, [userId]);
  return row && toAccount(row);
}

export interface NewAccount {
  readonly userId: UserId;
  readonly passwordHash: string | null;
  readonly isAdmin: boolean;
  readonly isGuest: boolean;
  readonly createdAt: number;
}

/** Makes the account with an empty profile; false when the user id is taken, also by a deactivated account. */
export async function insertAccount(tx: Transaction, account: NewAccount): Promise<boolean> {
  const rows = await tx.query(
    `INSERT INTO accounts (user_id, password_hash, is_admin, is_guest, created_at) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT DO NOTHING RETURNING user_id`,
    [account.userId, account.passwordHash, account.isAdmin, account.isGuest, account.createdAt],
  );
  if (rows.length === 0) return false;
  await tx.query('INSERT INTO profiles (user_id) VALUES ($1)', [account.userId]);
  return true;
}

/** Stores another hash. With `replacing`, only if the stored one is still that. */
export async function updatePasswordHash(
  db: Queryable,
  userId: string,
  passwordHash: string,
  replacing?: string,
): Promise<void> {
  await db.query(
    `UPDATE accounts SET password_hash = $2 WHERE user_id = $1 AND NOT is_deactivated AND password_hash = coalesce($3, password_hash)`,
    [userId, passwordHash, replacing ?? null],
  );
}

/** Closes an account for good: no password, no profile, nothing that it stored. Its devices are deleted separately. */
export async function closeAccount(tx: Transaction, userId: string): Promise<void> {
  await tx.query(
    'UPDATE accounts SET is_deactivated = true, is_admin = false, password_hash = NULL WHERE user_id = $1',
    [userId],
  );
  await tx.query(`UPDATE profiles SET fields = '{}', display_name = NULL, avatar_url = NULL WHERE user_id = $1`, [
    userId,
  ]);
  await tx.query('DELETE FROM filters WHERE user_id = $1', [userId]);
  await tx.query('DELETE FROM openid_tokens WHERE user_id = $1', [userId]);
  await tx.query('DELETE FROM account_data WHERE user_id = $1', [userId]);
}

/** Notes that a user had what they sent erased. @param position of that moment in the log */
export async function markErased(tx: Transaction, userId: string, position: number): Promise<void> {
  await tx.query('UPDATE accounts SET erased_position = $2 WHERE user_id = $1', [userId, position]);
}

/** Of the users given, those who had what they sent erased, and the position of the log at that moment. */
export async function erasedPositions(db: Queryable, userIds: readonly UserId[]): Promise<Map<UserId, number>> {
  const rows = await db.query<{ user_id: UserId; erased_position: number }>(
    'SELECT user_id, erased_position FROM accounts WHERE user_id = ANY ($1::text[]) AND erased_position IS NOT NULL',
    [userIds.map(toStoredText)],
  );
  return new Map(rows.map((row) => [row.user_id, row.erased_position]));
}

export async function hasAdministrator(db: Queryable): Promise<boolean> {
  const rows = await db.query('SELECT 1 FROM accounts WHERE is_admin LIMIT 1');
  return rows.length > 0;
}
