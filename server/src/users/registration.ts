import { randomInt } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { forbidden, invalidParam, notFound } from '../protocol/errors.ts';
import type { UserId } from '../protocol/event.ts';
import type { Database } from '../storage/database.ts';
import {
  deleteRegistrationToken,
  findRegistrationToken,
  findUsableRegistrationToken,
  insertRegistrationToken,
  listRegistrationTokens,
  type RegistrationToken,
  updateRegistrationToken,
  useRegistrationToken,
} from '../storage/registration-tokens.ts';
import type { Accounts, NewAccount } from './accounts.ts';
import type { Session, SessionRequest, Sessions } from './sessions.ts';

export type { RegistrationToken };

/** Who may make an account: everybody, who has a registration token, or nobody. */
export type RegistrationPolicy = 'open' | 'token' | 'closed';

export interface Registration {
  readonly policy: RegistrationPolicy;
  /** Makes an account and, with `session`, signs it in, all or nothing. Uses up one use of the registration token given. */
  register(
    account: NewAccount,
    options: { registrationTokenId?: number | null; session?: Omit<SessionRequest, 'userId'> },
  ): Promise<{ user_id: UserId } | Session>;
  /** A username for somebody who did not ask for one. */
  newUsername(): string;
  /** Row id of a token that could make an account now. */
  findToken(token: string): Promise<number | undefined>;
  readonly tokens: RegistrationTokens;
}

/** What administrators do with registration tokens. */
export interface RegistrationTokens {
  list(): Promise<RegistrationToken[]>;
  /** Throws 404 where there is none. */
  get(token: string): Promise<RegistrationToken>;
  /** Makes a token; a random one where none is given. Throws `M_INVALID_PARAM` when there is such a token. */
  create(token: Partial<Omit<RegistrationToken, 'uses'>>): Promise<RegistrationToken>;
  /** Changes what is given of a token; throws 404 where there is none. */
  change(token: string, change: Partial<Omit<RegistrationToken, 'uses' | 'token'>>): Promise<RegistrationToken>;
  /** Throws 404 where there is none. */
  delete(token: string): Promise<void>;
}

export function createRegistration(options: {
  db: Database;
  accounts: Accounts;
  sessions: Sessions;
  policy: RegistrationPolicy;
  clock: Clock;
}): Registration {
  const { db, accounts, sessions, policy, clock } = options;
  return {
    policy,

    async register(account, { registrationTokenId, session }) {
      const prepared = await accounts.prepare(account);
      return await db.transaction(async (tx) => {
        if (
          typeof registrationTokenId === 'number' &&
          !(await useRegistrationToken(tx, registrationTokenId, clock.now()))
        )
          throw forbidden('The registration token is used up.');
        await accounts.create(tx, prepared);
        const { userId } = account;
        return session === undefined ? { user_id: userId } : await sessions.issue({ ...session, userId }, tx);
      });
    },

    newUsername: () => randomText(12, 'abcdefghijklmnopqrstuvwxyz'),

    findToken: async (token) =>
      token.length > 64 ? undefined : await findUsableRegistrationToken(db, token, clock.now()),

    tokens: registrationTokens(db),
  };
}

function registrationTokens(db: Database): RegistrationTokens {
  async function get(token: string): Promise<RegistrationToken> {
    const found = await findRegistrationToken(db, token);
    if (found === undefined) throw notFound('There is no such registration token.');
    return found;
  }
  return {
    list: async () => await listRegistrationTokens(db),
    get,
    async create({ token = randomText(16, TOKEN_CHARACTERS), usesAllowed = null, expiresAt = null }) {
      if (!/^[0-9A-Za-z\-._~]{1,64}$/.test(token))
        throw invalidParam('A registration token has 1 to 64 letters, digits, "-", ".", "_" or "~".');
      if (!(await insertRegistrationToken(db, { token, usesAllowed, expiresAt })))
        throw invalidParam('There is such a registration token already.');
      return { token, usesAllowed, expiresAt, uses: 0 };
    },
    async change(token, change) {
      const changed = { ...(await get(token)), ...change };
      if (!(await updateRegistrationToken(db, changed))) throw notFound('There is no such registration token.');
      return changed;
    },
    async delete(token) {
      if (!(await deleteRegistrationToken(db, token))) throw notFound('There is no such registration token.');
    },
  };
}

/** Without those that are easily taken for one another. */
const TOKEN_CHARACTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789';

function randomText(length: number, characters: string): string {
  return Array.from({ length }, () => characters[randomInt(characters.length)]).join('');
}
