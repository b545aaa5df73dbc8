/**
 * GET /_synapse/admin/v1/registration_tokens; POST …/registration_tokens/new; GET, PUT, DELETE …/registration_tokens/{token}:
 * the tokens that administrators hand out where `registration` is `token`, as Synapse's tools know them.
 */
import Type from 'typebox';
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { boundedString } from '../http/schemas.ts';
import type { RegistrationToken, RegistrationTokens } from '../users/registration.ts';
import { requireAdministrator } from './require-administrator.ts';

const PATH = '/_synapse/admin/v1/registration_tokens';
const signedIn = { auth: 'access_token', guests: false, rateLimit: 'read' } as const;

const Limits = {
  uses_allowed: Type.Optional(Type.Union([Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 }), Type.Null()])),
  /** Milliseconds since 1970. */
  expiry_time: Type.Optional(Type.Union([Type.Integer({ minimum: 0 }), Type.Null()])),
};

function shown(token: RegistrationToken): Record<string, unknown> {
  return {
    token: token.token,
    uses_allowed: token.usesAllowed,
    // A use counts when its account is made: nothing is ever under way.
    pending: 0,
    completed: token.uses,
    expiry_time: token.expiresAt,
  };
}

/** What is given of the limits: null takes a limit away, a missing key leaves it alone. */
function limitsIn(body: { uses_allowed?: number | null; expiry_time?: number | null }) {
  return {
    ...(body.uses_allowed === undefined ? {} : { usesAllowed: body.uses_allowed }),
    ...(body.expiry_time === undefined ? {} : { expiresAt: body.expiry_time }),
  };
}

export function registrationTokenRoutes(tokens: RegistrationTokens): ClientRoute[] {
  return [
    clientRoute({
      ...signedIn,
      method: 'GET',
      path: PATH,
      async handle({ requester }) {
        requireAdministrator(requester);
        return { registration_tokens: (await tokens.list()).map(shown) };
      },
    }),
    clientRoute({
      ...signedIn,
      method: 'POST',
      path: `${PATH}/new`,
      body: Type.Object({ token: Type.Optional(boundedString(64)), ...Limits }),
      bodyOptional: true,
      async handle({ body, requester }) {
        requireAdministrator(requester);
        return shown(
          await tokens.create({ ...(body.token === undefined ? {} : { token: body.token }), ...limitsIn(body) }),
        );
      },
    }),
    clientRoute({
      ...signedIn,
      method: 'GET',
      path: `${PATH}/{token}`,
      async handle({ params, requester }) {
        requireAdministrator(requester);
        return shown(await tokens.get(params.token ?? ''));
      },
    }),
    clientRoute({
      ...signedIn,
      method: 'PUT',
      path: `${PATH}/{token}`,
      body: Type.Object(Limits),
      async handle({ params, body, requester }) {
        requireAdministrator(requester);
        return shown(await tokens.change(params.token ?? '', limitsIn(body)));
      },
    }),
    clientRoute({
      ...signedIn,
      method: 'DELETE',
      path: `${PATH}/{token}`,
      async handle({ params, requester }) {
        requireAdministrator(requester);
        await tokens.delete(params.token ?? '');
        return {};
      },
    }),
  ];
}
