import { afterAll } from 'vitest';
import { registrationTokenRoutes } from '../../server/src/admin-api/registration-tokens.ts';
import { setupRoutes } from '../../server/src/admin-api/setup.ts';
import { sharedSecretRegistrationRoutes } from '../../server/src/admin-api/shared-secret-registration.ts';
import type { BucketSize } from '../../server/src/base/token-buckets.ts';
import { accountDataRoutes } from '../../server/src/client-server-api/account-data.ts';
import { accountManagementRoutes } from '../../server/src/client-server-api/account-management.ts';
import { capabilitiesRoutes } from '../../server/src/client-server-api/capabilities.ts';
import { deviceManagementRoutes } from '../../server/src/client-server-api/device-management.ts';
import { filterRoutes } from '../../server/src/client-server-api/filter.ts';
import { loginRoutes } from '../../server/src/client-server-api/login.ts';
import { logoutRoutes } from '../../server/src/client-server-api/logout.ts';
import { openIdRoutes } from '../../server/src/client-server-api/openid.ts';
import { profileRoutes } from '../../server/src/client-server-api/profile.ts';
import { pushRulesRoutes } from '../../server/src/client-server-api/push-rules.ts';
import { refreshRoutes } from '../../server/src/client-server-api/refresh.ts';
import { registrationRoutes } from '../../server/src/client-server-api/registration.ts';
import { tagsRoutes } from '../../server/src/client-server-api/tags.ts';
import { versionsRoutes } from '../../server/src/client-server-api/versions.ts';
import { wellKnownRoutes } from '../../server/src/client-server-api/well-known.ts';
import { whoamiRoutes } from '../../server/src/client-server-api/whoami.ts';
import { createAuthenticate } from '../../server/src/http/access-token.ts';
import { addClientRoutes } from '../../server/src/http/client-routes.ts';
import { createHttpServer } from '../../server/src/http/http-server.ts';
import { createRateLimits, noRateLimits, passwordAttempts } from '../../server/src/http/rate-limits.ts';
import type { ClientRoute, RateLimitClass } from '../../server/src/http/route.ts';
import { createUserInteractiveAuth } from '../../server/src/http/uia.ts';
import { MatrixError } from '../../server/src/protocol/errors.ts';
import { type Database, openDatabase } from '../../server/src/storage/database.ts';
import { addSpent, forgetFullBuckets, giveTokenBack, takeToken } from '../../server/src/storage/rate-limits.ts';
import { deleteTag, getAccountData, setAccountData, setTag, tagsOf } from '../../server/src/users/account-data.ts';
import { createAccounts } from '../../server/src/users/accounts.ts';
import { deleteDevicesOf, deviceOf, devicesOf, renameDeviceOf } from '../../server/src/users/devices.ts';
import { createFilters } from '../../server/src/users/filters.ts';
import { createLastSeen } from '../../server/src/users/last-seen.ts';
import { newOpenIdToken } from '../../server/src/users/openid.ts';
import { createPasswords } from '../../server/src/users/passwords.ts';
import { createProfiles } from '../../server/src/users/profiles.ts';
import { changePushRules, pushRulesetOf } from '../../server/src/users/push-rules.ts';
import { createRegistration, type RegistrationPolicy } from '../../server/src/users/registration.ts';
import { createSessions } from '../../server/src/users/sessions.ts';
import { createSetup } from '../../server/src/users/setup.ts';
import { createSharedSecretRegistration } from '../../server/src/users/shared-secret-registration.ts';
import { createUiaSessions } from '../../server/src/users/uia-sessions.ts';
import { type TestClock, testClock } from './test-clock.ts';

export const SERVER_NAME = 'parley.test';
export const SHARED_SECRET = 'correct horse';

/** Cheap hashes: these tests are not about their cost. */
const TEST_COST = { memoryKiB: 64, passes: 1, lanes: 1 };

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: what tests look into
  readonly json: any;
}

export interface AccountServer {
  readonly baseUrl: string;
  readonly clock: TestClock;
  call(method: string, path: string, options?: { token?: string; body?: unknown; ip?: string }): Promise<Answer>;
  /** Registers with the password `password-<username>` and answers the body of the 200. */
  register(username: string): Promise<{ user_id: string; access_token: string; device_id: string }>;
  readonly registration: ReturnType<typeof createRegistration>;
  readonly lastSeen: ReturnType<typeof createLastSeen>;
  /** Users whose member profile was announced as changed, and users who were deactivated. */
  readonly profileChanges: string[];
  readonly deactivated: string[];
}

export interface AccountServerOptions {
  readonly policy?: RegistrationPolicy;
  readonly rateLimits?: Partial<Record<RateLimitClass, BucketSize>>;
  readonly clock?: TestClock;
  readonly moreRoutes?: (db: Database) => ClientRoute[];
}

/**
 * A server with the account routes on a database of the test's, listening on a real port. Call it at the top level of the
 * file; a second one on the same database is like another process.
 */
export async function accountServer(url: string, options: AccountServerOptions = {}): Promise<AccountServer> {
  const db = openDatabase({ connection: url, poolSize: 5 });
  const clock = options.clock ?? testClock();
  const onError = (error: unknown) => {
    throw error;
  };
  const anything = { perSecond: 1000, burst: 1000 };
  const classes = ['login', 'registration', 'message', 'join', 'invite', 'media', 'read', 'federation'] as const;
  const sizes = Object.fromEntries(classes.map((name) => [name, options.rateLimits?.[name] ?? anything])) as Record<
    RateLimitClass,
    BucketSize
  >;
  const rateLimits =
    options.rateLimits === undefined
      ? noRateLimits
      : createRateLimits({
          sizes,
          clock,
          onError,
          shared: {
            takeToken: (...args) => takeToken(db, ...args),
            giveTokenBack: (...args) => giveTokenBack(db, ...args),
            addSpent: (...args) => addSpent(db, ...args),
            forgetFullBuckets: () => forgetFullBuckets(db),
          },
        });

  const lastSeen = createLastSeen(db, onError);
  const attempts = passwordAttempts(rateLimits);
  const passwords = createPasswords({ cost: TEST_COST });
  const accounts = createAccounts({ db, serverName: SERVER_NAME, passwords, attempts, clock });
  const sessions = createSessions({ db, clock, lastSeen });
  const registration = createRegistration({ db, accounts, sessions, policy: options.policy ?? 'open', clock });
  const uia = createUserInteractiveAuth({
    sessions: createUiaSessions(db, clock),
    checkPassword: accounts.checkPassword,
    findRegistrationToken: registration.findToken,
  });
  const profileChanges: string[] = [];
  const deactivated: string[] = [];
  const profiles = createProfiles({
    db,
    serverName: SERVER_NAME,
    queryRemoteProfile: async () => {
      throw new MatrixError('M_UNKNOWN', 'The server cannot be reached.', 502);
    },
    onMemberProfileChanged: (userId) => profileChanges.push(userId),
  });

  const app = createHttpServer({
    logger: { info() {}, error: (fields) => console.error(fields) },
    trustProxy: ['127.0.0.1'],
    cors: true,
  });
  const routes = [
    ...versionsRoutes(),
    ...capabilitiesRoutes(),
    ...wellKnownRoutes({
      clientBaseUrl: 'https://client.parley.test',
      federationAddress: undefined,
      contacts: [],
      supportPage: 'https://parley.test/help',
    }),
    ...loginRoutes({ accounts, sessions, clientBaseUrl: 'https://client.parley.test' }),
    ...logoutRoutes(sessions),
    ...refreshRoutes(sessions),
    ...registrationRoutes({ accounts, registration, uia, rateLimits }),
    ...whoamiRoutes(),
    ...deviceManagementRoutes({
      uia,
      devices: {
        list: (userId) => devicesOf(db, userId),
        get: (userId, deviceId) => deviceOf(db, userId, deviceId),
        rename: (userId, deviceId, name) => renameDeviceOf(db, userId, deviceId, name),
        delete: (userId, deviceIds) => deleteDevicesOf(db, userId, deviceIds),
      },
    }),
    ...accountManagementRoutes({ accounts, uia, onDeactivated: (userId) => deactivated.push(userId) }),
    ...profileRoutes(profiles),
    ...accountDataRoutes({
      get: (userId, roomId, type) => getAccountData(db, userId, roomId, type),
      set: (userId, roomId, type, content) => setAccountData(db, userId, roomId, type, content),
    }),
    ...tagsRoutes({
      list: (userId, roomId) => tagsOf(db, userId, roomId),
      set: (userId, roomId, tag, info) => setTag(db, userId, roomId, tag, info),
      delete: (userId, roomId, tag) => deleteTag(db, userId, roomId, tag),
    }),
    ...filterRoutes(createFilters(db)),
    ...pushRulesRoutes({
      get: (userId) => pushRulesetOf(db, userId),
      change: (userId, change) => changePushRules(db, userId, change),
    }),
    ...openIdRoutes({ serverName: SERVER_NAME, newOpenIdToken: (userId) => newOpenIdToken(db, clock, userId) }),
    ...registrationTokenRoutes(registration.tokens),
    ...setupRoutes({ accounts, setup: createSetup({ db, accounts, sessions, clock }) }),
    ...sharedSecretRegistrationRoutes({
      serverName: SERVER_NAME,
      accounts,
      registration,
      sharedSecret: createSharedSecretRegistration(db, SHARED_SECRET, clock),
      setDisplayName: (userId, displayname) => profiles.setField(userId, 'displayname', { displayname }),
    }),
    ...(options.moreRoutes?.(db) ?? []),
  ];
  addClientRoutes(app, routes, { authenticate: createAuthenticate(sessions.lookUp), rateLimits, onSessionEnd() {} });
  const baseUrl = await app.listen({ host: '127.0.0.1', port: 0 });
  afterAll(async () => {
    await app.close();
    await lastSeen.stop();
    await rateLimits.stop();
    await db.close();
  });

  const call: AccountServer['call'] = async (method, path, { token, body, ip } = {}) => {
    const response = await fetch(baseUrl + path, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(ip === undefined ? {} : { 'x-forwarded-for': ip }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, json: text === '' ? undefined : JSON.parse(text) };
  };
  return {
    baseUrl,
    clock,
    call,
    registration,
    lastSeen,
    profileChanges,
    deactivated,
    async register(username) {
      const { status, json } = await call('POST', '/_matrix/client/v3/register', {
        body: { username, password: `password-${username}`, auth: { type: 'm.login.dummy' } },
      });
      if (status !== 200) throw new Error(`cannot register ${username}: ${JSON.stringify(json)}`);
      return json;
    },
  };
}
