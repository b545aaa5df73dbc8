/**
 * POST /_matrix/client/v3/register, GET /_matrix/client/v3/register/available: Client-Server API, "Account registration".
 * GET /_matrix/client/v1/register/m.login.registration_token/validity: "Token-authenticated registration".
 */
import Type from 'typebox';
import { addressBucket, type RateLimits } from '../http/rate-limits.ts';
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { boundedString, Identifier } from '../http/schemas.ts';
import { AuthData, type UiaStage, type UserInteractiveAuth } from '../http/uia.ts';
import { forbidden, missingParam } from '../protocol/errors.ts';
import type { UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Accounts } from '../users/accounts.ts';
import { requireGoodPassword } from '../users/passwords.ts';
import type { Registration } from '../users/registration.ts';

const RegisterBody = Type.Object({
  auth: Type.Optional(AuthData),
  username: Type.Optional(boundedString(512)),
  password: Type.Optional(boundedString(2048)),
  device_id: Type.Optional(Identifier),
  initial_device_display_name: Type.Optional(boundedString(255)),
  inhibit_login: Type.Optional(Type.Boolean()),
  refresh_token: Type.Optional(Type.Boolean()),
});

export interface RegistrationServices {
  readonly accounts: Accounts;
  readonly registration: Registration;
  readonly uia: UserInteractiveAuth;
  readonly rateLimits: RateLimits;
}

export function registrationRoutes(services: RegistrationServices): ClientRoute[] {
  const { accounts, registration } = services;
  return [
    registerRoute(services),
    clientRoute({
      method: 'GET',
      path: '/_matrix/client/v3/register/available',
      auth: 'none',
      guests: true,
      rateLimit: 'read',
      query: Type.Object({ username: boundedString(512) }),
      async handle({ query }) {
        requireOpen(registration);
        await accounts.requireAvailable(accounts.newUserId(query.username.toLowerCase()));
        return { available: true };
      },
    }),
    clientRoute({
      method: 'GET',
      path: '/_matrix/client/v1/register/m.login.registration_token/validity',
      auth: 'none',
      guests: true,
      rateLimit: 'registration',
      query: Type.Object({ token: boundedString(255) }),
      async handle({ query }) {
        requireOpen(registration);
        return { valid: (await registration.findToken(query.token)) !== undefined };
      },
    }),
  ];
}

function registerRoute({ accounts, registration, uia, rateLimits }: RegistrationServices): ClientRoute {
  const stage: UiaStage = registration.policy === 'token' ? 'm.login.registration_token' : 'm.login.dummy';
  return clientRoute({
    method: 'POST',
    path: '/_matrix/client/v3/register',
    auth: 'none',
    guests: true,
    rateLimit: 'read',
    query: Type.Object({ kind: Type.Optional(Type.Union([Type.Literal('user'), Type.Literal('guest')])) }),
    body: RegisterBody,
    async handle({ body, query, ip }) {
      if (query.kind === 'guest') throw forbidden('This server has no guest accounts.');
      requireOpen(registration);
      // All that can be refused is refused before the user is asked to authenticate.
      const userId = await chooseUserId(accounts, registration, body.username);
      if (body.password !== undefined) requireGoodPassword(body.password);
      if (body.auth !== undefined) await rateLimits.take('registration', addressBucket(ip));
      const proof = await uia.authorise({
        name: 'POST /register',
        requester: undefined,
        body: body as JsonObject,
        bodyMayChange: true,
        flows: [[stage]],
        ip,
      });
      if (body.password === undefined) throw missingParam('The request body must have the key `password`.');
      const session = {
        deviceId: body.device_id,
        displayName: body.initial_device_display_name,
        withRefreshToken: body.refresh_token === true,
        ip,
      };
      const answer = await registration.register(
        { userId, password: body.password },
        {
          registrationTokenId: proof.registrationTokenId,
          ...(body.inhibit_login === true ? {} : { session }),
        },
      );
      await proof.close();
      return answer;
    },
  });
}

/** Usernames are mapped to lower case; whoever asks for none gets a random one. */
async function chooseUserId(
  accounts: Accounts,
  registration: Registration,
  username: string | undefined,
): Promise<UserId> {
  const userId = accounts.newUserId((username ?? registration.newUsername()).toLowerCase());
  await accounts.requireAvailable(userId);
  return userId;
}

function requireOpen(registration: Registration): void {
  if (registration.policy === 'closed') throw forbidden('Registration is closed on this server.');
}
