import type { Clock } from '../base/clock.ts';
import { forbidden } from '../protocol/errors.ts';
import type { UserId } from '../protocol/event.ts';
import { hasAdministrator } from '../storage/accounts.ts';
import type { Database } from '../storage/database.ts';
import {
  deleteOneTimeTokens,
  hasOneTimeToken,
  insertOneTimeToken,
  takeOneTimeToken,
} from '../storage/one-time-tokens.ts';
import type { Accounts } from './accounts.ts';
import type { Session, SessionRequest, Sessions } from './sessions.ts';
import { hashToken, newToken, tokenHash } from './tokens.ts';

const LIFETIME_MS = 7 * 24 * 60 * 60 * 1000;

/**
 * Makes a token for the link with which the first administrator sets the server up, or undefined when there is an
 * administrator. Several tokens may be open at once, one per start of the server; the first to be used ends all of them.
 */
export async function createSetupToken(db: Database, clock: Clock): Promise<string | undefined> {
  if (await hasAdministrator(db)) return undefined;
  const token = newToken('setup');
  const now = clock.now();
  await insertOneTimeToken(db, { hash: hashToken(token), purpose: 'setup', expiresAt: now + LIFETIME_MS }, now);
  return token;
}

export interface Setup {
  /** Whether somebody with a token could set the server up now. */
  isOpen(): Promise<boolean>;
  /** Makes the first administrator and signs them in; throws 403 when the token is not good or there is an administrator. */
  complete(
    token: string,
    account: { userId: UserId; password: string },
    session: Omit<SessionRequest, 'userId'>,
  ): Promise<Session>;
}

export function createSetup(options: { db: Database; accounts: Accounts; sessions: Sessions; clock: Clock }): Setup {
  const { db, accounts, sessions, clock } = options;
  return {
    isOpen: async () => !(await hasAdministrator(db)) && (await hasOneTimeToken(db, 'setup', clock.now())),

    async complete(token, account, session) {
      const hash = tokenHash('setup', token);
      const prepared = await accounts.prepare({ ...account, isAdmin: true });
      return await db.transaction(async (tx) => {
        // One set-up at a time, also with different tokens.
        await tx.query('LOCK TABLE one_time_tokens IN SHARE ROW EXCLUSIVE MODE');
        const isGood = hash !== undefined && (await takeOneTimeToken(tx, hash, 'setup', clock.now()));
        if (!isGood || (await hasAdministrator(tx)))
          throw forbidden('This set-up link is not valid any more. Restart the server for a new one.');
        await deleteOneTimeTokens(tx, 'setup');
        await accounts.create(tx, prepared);
        return await sessions.issue({ ...session, userId: account.userId }, tx);
      });
    },
  };
}
