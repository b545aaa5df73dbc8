import type { FederationClient } from '../federation/federation-client.ts';
import { passwordAttempts } from '../http/rate-limits.ts';
import { createUserInteractiveAuth, type UserInteractiveAuth } from '../http/uia.ts';
import type { UserId } from '../protocol/event.ts';
import { type Accounts, createAccounts } from '../users/accounts.ts';
import { createFilters, type Filters } from '../users/filters.ts';
import { createLastSeen } from '../users/last-seen.ts';
import { createPasswords } from '../users/passwords.ts';
import { cleanRemoteProfile, createProfiles, type Profiles } from '../users/profiles.ts';
import { createRegistration, type Registration } from '../users/registration.ts';
import { createSessions, type Sessions } from '../users/sessions.ts';
import { createSetup, type Setup } from '../users/setup.ts';
import { createSharedSecretRegistration, type SharedSecretRegistration } from '../users/shared-secret-registration.ts';
import { createUiaSessions } from '../users/uia-sessions.ts';
import type { CommonParts } from './common-parts.ts';

export interface Users {
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly registration: Registration;
  readonly uia: UserInteractiveAuth;
  readonly profiles: Profiles;
  readonly filters: Filters;
  readonly setup: Setup;
  /** Undefined without a `registration_shared_secret`. */
  readonly sharedSecret: SharedSecretRegistration | undefined;
  stop(): Promise<void>;
}

/** @param onMemberProfileChanged puts a new name or avatar into the user's rooms */
export function openUsers(
  common: CommonParts,
  federation: FederationClient,
  onMemberProfileChanged: (userId: UserId) => void,
): Users {
  const { config, db, clock, onError } = common;
  const attempts = passwordAttempts(common.rateLimits);
  const lastSeen = createLastSeen(db, onError);
  const accounts = createAccounts({
    db,
    serverName: config.server_name,
    passwords: createPasswords(),
    attempts,
    clock,
  });
  const sessions = createSessions({ db, clock, lastSeen });
  const registration = createRegistration({ db, accounts, sessions, policy: config.registration, clock });
  const secret = config.registration_shared_secret;
  return {
    accounts,
    sessions,
    registration,
    uia: createUserInteractiveAuth({
      sessions: createUiaSessions(db, clock),
      checkPassword: accounts.checkPassword,
      findRegistrationToken: registration.findToken,
    }),
    profiles: createProfiles({
      db,
      serverName: config.server_name,
      async queryRemoteProfile(userId, field) {
        const server = userId.slice(userId.indexOf(':') + 1);
        return cleanRemoteProfile(await federation.queryProfile(server, { userId, field }));
      },
      onMemberProfileChanged,
    }),
    filters: createFilters(db),
    setup: createSetup({ db, accounts, sessions, clock }),
    sharedSecret: secret === undefined ? undefined : createSharedSecretRegistration(db, secret, clock),
    stop: () => lastSeen.stop(),
  };
}
