import type { Clock } from '../base/clock.ts';
import { invalidUsername, MatrixError } from '../protocol/errors.ts';
import type { ServerName, UserId } from '../protocol/event.ts';
import { isNewLocalpart, isUserId, serverNameOf } from '../protocol/identifiers.ts';
import {
  type AccountRow,
  closeAccount,
  findAccount,
  insertAccount,
  markErased,
  updatePasswordHash,
} from '../storage/accounts.ts';
import type { Database, Queryable, Transaction } from '../storage/database.ts';
import { recordDeviceChanges } from '../storage/device-lists.ts';
import { deleteOtherDevices } from '../storage/devices.ts';
import { appendLog } from '../storage/log.ts';
import type { Passwords } from './passwords.ts';

/** Counts wrong passwords; `begin` throws 429 when there have been too many. */
export interface PasswordAttempts {
  begin(userId: UserId, ip: string): Promise<void>;
  /** The password was right: the attempt does not count. */
  succeeded(userId: UserId, ip: string): Promise<void>;
}

/** A right password, and whose. */
export interface PasswordProof {
  readonly ok: true;
  readonly userId: UserId;
}

export interface NewAccount {
  readonly userId: UserId;
  /** Undefined: nobody can sign in with a password. */
  readonly password?: string;
  readonly isAdmin?: boolean;
  readonly isGuest?: boolean;
}

export interface Accounts {
  /** User id of a full user id or a localpart of this server; undefined for anything else. Case does not matter. */
  localUserId(name: string): UserId | undefined;
  /** User id that a new account of this name would have; throws `M_INVALID_USERNAME`. */
  newUserId(username: string): UserId;
  /** Throws `M_USER_IN_USE` when there is or was an account of this id. */
  requireAvailable(userId: UserId): Promise<void>;
  /** Makes an account within a transaction; throws `M_USER_IN_USE`. The password must have been hashed before (`prepare`). */
  create(tx: Transaction, account: PreparedAccount): Promise<void>;
  /** Hashes the password of a new account: before the transaction, because it takes long. */
  prepare(account: NewAccount): Promise<PreparedAccount>;
  find(userId: UserId): Promise<AccountRow | undefined>;
  /**
   * Checks a password. Unknown users, accounts without a password, closed accounts and wrong passwords all take the same time
   * and answer `ok: false` (A3.5). Throws 429 after too many wrong ones.
   */
  checkPassword(name: string, password: string, ip: string): Promise<PasswordProof | { readonly ok: false }>;
  setPassword(
    userId: UserId,
    password: string,
    options: { keepDevice: string | null; logoutDevices: boolean },
  ): Promise<void>;
  /** Closes an account for good and ends its sessions. Its user id stays taken. @param erase see `rooms/erasure.ts` */
  deactivate(userId: UserId, erase: boolean): Promise<void>;
}

export interface PreparedAccount {
  readonly userId: UserId;
  readonly passwordHash: string | null;
  readonly isAdmin: boolean;
  readonly isGuest: boolean;
}

export function createAccounts(options: {
  db: Database;
  serverName: ServerName;
  passwords: Passwords;
  attempts: PasswordAttempts;
  clock: Clock;
}): Accounts {
  const { db, serverName, passwords, attempts, clock } = options;

  function localUserId(name: string): UserId | undefined {
    const userId = (name.startsWith('@') ? name : `@${name}:${serverName}`).toLowerCase();
    return isUserId(userId) && serverNameOf(userId) === serverName.toLowerCase()
      ? `@${userId.slice(1, userId.indexOf(':'))}:${serverName}`
      : undefined;
  }

  async function taken(q: Queryable, userId: UserId): Promise<boolean> {
    return (await findAccount(q, userId)) !== undefined;
  }

  return {
    localUserId,

    newUserId(username) {
      const userId: UserId = `@${username}:${serverName}`;
      if (!isNewLocalpart(username))
        throw invalidUsername('A username may only have the characters a-z, 0-9, ".", "_", "=", "-", "/" and "+".');
      if (!isUserId(userId)) throw invalidUsername('The username is too long.');
      return userId;
    },

    async requireAvailable(userId) {
      if (await taken(db, userId)) throw userInUse();
    },

    async prepare({ userId, password, isAdmin = false, isGuest = false }) {
      const passwordHash = password === undefined ? null : await passwords.hash(password);
      return { userId, passwordHash, isAdmin, isGuest };
    },

    async create(tx, account) {
      if (!(await insertAccount(tx, { ...account, createdAt: clock.now() }))) throw userInUse();
    },

    find: async (userId) => await findAccount(db, userId),

    async checkPassword(name, password, ip) {
      const userId = localUserId(name);
      if (userId === undefined) {
        await passwords.check(password, null);
        return { ok: false };
      }
      await attempts.begin(userId, ip);
      const account = await findAccount(db, userId);
      const stored = account?.isDeactivated === false ? account.passwordHash : null;
      const result = await passwords.check(password, stored);
      if (!result.ok || stored === null) return { ok: false };
      await attempts.succeeded(userId, ip);
      if (result.isOutdated) await updatePasswordHash(db, userId, await passwords.hash(password), stored);
      return { ok: true, userId };
    },

    async setPassword(userId, password, { keepDevice, logoutDevices }) {
      const passwordHash = await passwords.hash(password);
      await db.transaction(async (tx) => {
        await updatePasswordHash(tx, userId, passwordHash);
        if (logoutDevices) await recordDeviceChanges(tx, userId, await deleteOtherDevices(tx, userId, keepDevice));
      });
    },

    async deactivate(userId, erase) {
      await db.transaction(async (tx) => {
        await closeAccount(tx, userId);
        const deleted = await deleteOtherDevices(tx, userId, null);
        const position = await appendLog(tx, [{ kind: 'profile', userId }]);
        if (erase) await markErased(tx, userId, position);
        await recordDeviceChanges(tx, userId, deleted);
      });
    },
  };
}

function userInUse(): MatrixError {
  return new MatrixError('M_USER_IN_USE', 'This username is taken.', 400);
}
