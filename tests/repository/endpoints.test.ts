import { afterAll, describe, expect, test } from 'vitest';
import type { ClientRoute, FederationRoute } from '../../server/src/http/route.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { type Operation, readOperations, SPECIFICATION } from '../harness/specification.ts';

/** Paths that are ours or another server's and not the specification's. */
const BESIDE_THE_SPEC = /^\/(_parley|_synapse)\//;

/** Where the specification's text says more than its list. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  'GET /_matrix/client/v3/rooms/{}/state/{}': 'an empty state key may be left out, with the slash before it',
  'PUT /_matrix/client/v3/rooms/{}/state/{}': 'an empty state key may be left out, with the slash before it',
  'GET /_matrix/client/versions': 'the answer is the same for everybody, so a token is not looked at',
  'POST /_matrix/client/v3/logout': 'guests may end their sessions too',
  'POST /_matrix/client/v3/logout/all': 'guests may end their sessions too',
  'GET /_matrix/client/v3/publicRooms': 'open to all, but only who is signed in may make us ask another server',
};

/** Parameters are named differently here and there: `{roomIdOrAlias}`, `{roomId}`. */
function anonymous(endpoint: string): string {
  return endpoint.replaceAll(/\{\w+\}/g, '{}');
}

function report(
  name: string,
  operations: readonly Operation[],
  routes: readonly { method: string; path: string }[],
): void {
  const registered = new Set(routes.map(({ method, path: url }) => anonymous(`${method} ${url}`)));
  const current = operations.filter(({ isDeprecated }) => !isDeprecated);
  const missing = current.filter(({ endpoint }) => !registered.has(anonymous(endpoint)));
  console.log(`${name} ${current.length - missing.length}/${current.length}`);
  for (const { endpoint } of missing) console.log(`  missing: ${endpoint}`);
}

function unknownRoutes(
  operations: readonly Operation[],
  routes: readonly { method: string; path: string }[],
): string[] {
  const known = new Set(operations.map(({ endpoint }) => anonymous(endpoint)));
  return routes
    .filter((route) => !BESIDE_THE_SPEC.test(route.path))
    .map((route) => `${route.method} ${route.path}`)
    .map(anonymous)
    .filter((endpoint) => !known.has(endpoint) && !(endpoint in EXCEPTIONS));
}

if (SPECIFICATION === undefined)
  console.log('The lists of endpoints (MATRIX_SPEC) are not here: the routes are not compared with the specification.');

describe.skipIf(SPECIFICATION === undefined)('the registered routes', async () => {
  const isHere = SPECIFICATION !== undefined;
  const routes = isHere ? (await startHomeserver()).routes : { client: [], federation: [] };
  const client = isHere ? readOperations('endpoints-client.tsv') : [];
  const federation = isHere ? readOperations('endpoints-federation.tsv') : [];
  // Other servers are sent to the federation port by a file that is served beside the web client.
  const all = [...client, ...federation];
  afterAll(() => {
    report('client', client, routes.client);
    report('federation', federation, [...routes.federation, ...routes.client]);
  });

  test('are all in the specification, spelt as there', () => {
    expect(unknownRoutes(all, routes.client)).toEqual([]);
    expect(unknownRoutes(federation, routes.federation)).toEqual([]);
  });

  test('are each registered once', () => {
    for (const list of [routes.client, routes.federation]) {
      const endpoints = list.map((route) => anonymous(`${route.method} ${route.path}`));
      expect(endpoints.filter((endpoint, index) => endpoints.indexOf(endpoint) !== index)).toEqual([]);
    }
  });

  test('ask clients for the authentication that the specification says, and admit guests where it does', () => {
    const expected = new Map(client.map(({ endpoint, auth }) => [anonymous(endpoint), auth]));
    const wrong = routes.client.filter((route: ClientRoute) => {
      const endpoint = anonymous(`${route.method} ${route.path}`);
      const auth = expected.get(endpoint);
      if (auth === undefined || auth.includes('*') || endpoint in EXCEPTIONS) return false;
      const wanted = auth.startsWith('access token')
        ? 'access_token'
        : auth.startsWith('optional')
          ? 'optional'
          : 'none';
      return route.auth !== wanted || (wanted === 'access_token' && route.guests !== auth.includes('guest allowed'));
    });
    expect(wrong.map((route) => `${route.method} ${route.path}: ${route.auth}, guests: ${route.guests}`)).toEqual([]);
  });

  test('ask servers for a signature where the specification says', () => {
    const expected = new Map(federation.map(({ endpoint, auth }) => [anonymous(endpoint), auth]));
    const wrong = routes.federation.filter((route: FederationRoute) => {
      const auth = expected.get(anonymous(`${route.method} ${route.path}`));
      return auth !== undefined && (route.auth === 'x_matrix') !== auth.startsWith('signed');
    });
    expect(wrong.map((route) => `${route.method} ${route.path}: ${route.auth}`)).toEqual([]);
  });
});
