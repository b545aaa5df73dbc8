/** GET /_matrix/client/versions: Client-Server API, "API Versions". */
import { type ClientRoute, clientRoute } from '../http/route.ts';

/** Versions of the spec whose endpoints, as far as they are here, behave as that version says. */
const VERSIONS = Array.from({ length: 19 }, (_, i) => `v1.${i + 1}`);

export function versionsRoutes(): ClientRoute[] {
  return [
    clientRoute({
      method: 'GET',
      path: '/_matrix/client/versions',
      // The answer is the same for everybody, so a token, even an expired one, is not looked at.
      auth: 'none',
      guests: true,
      rateLimit: 'none',
      handle: async () => ({ versions: VERSIONS, unstable_features: {} }),
    }),
  ];
}
