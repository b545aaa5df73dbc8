import { systemClock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Config } from '../config.ts';
import { noRateLimits, passwordAttempts } from '../http/rate-limits.ts';
import type { UserId } from '../protocol/event.ts';
import { createAccounts } from '../users/accounts.ts';
import { createPasswords, requireGoodPassword } from '../users/passwords.ts';
import { openStore } from './open-store.ts';

/**
 * Makes an account in the database of a configuration, whatever its `registration` says; the embedded Postgres is started and
 * stopped for it.
 *
 * @throws MatrixError M_INVALID_USERNAME, M_USER_IN_USE, M_WEAK_PASSWORD
 */
export async function createAccount(
  config: Config,
  logger: Logger,
  account: { readonly username: string; readonly password: string; readonly isAdmin: boolean },
): Promise<UserId> {
  requireGoodPassword(account.password);
  const { db, close } = await openStore(config, logger, systemClock);
  try {
    const accounts = createAccounts({
      db,
      serverName: config.server_name,
      passwords: createPasswords(),
      attempts: passwordAttempts(noRateLimits),
      clock: systemClock,
    });
    const userId = accounts.newUserId(account.username.toLowerCase());
    await accounts.requireAvailable(userId);
    const prepared = await accounts.prepare({ userId, password: account.password, isAdmin: account.isAdmin });
    await db.transaction((tx) => accounts.create(tx, prepared));
    return userId;
  } finally {
    await close();
  }
}
