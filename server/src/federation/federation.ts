import type { Clock } from '../base/clock.ts';
import type { NameLookup } from '../base/name-lookup.ts';
import type { OutboundHttp } from '../base/outbound-http.ts';
import type { ServerName } from '../protocol/event.ts';
import type { Database } from '../storage/database.ts';
import { createDestinationBackoff, type DestinationBackoff } from './destination-backoff.ts';
import { createFederationClient, type FederationClient } from './federation-client.ts';
import { createKeyRing, type KeyRing } from './key-ring.ts';
import { createNotary, type Notary } from './notary.ts';
import { loadSigningKey, type OwnKeys, openOwnKeys } from './own-keys.ts';
import { createPeerTransport } from './peer-transport.ts';
import { createServerDiscovery } from './server-discovery.ts';
import { createSignedRequests } from './signed-request.ts';
import { createWellKnown } from './well-known.ts';
import { createServerAuthenticator, type IncomingRequest } from './x-matrix.ts';

/** All that talks to other servers. It knows no rooms. */
export interface Federation {
  readonly ownKeys: OwnKeys;
  readonly keyRing: KeyRing;
  readonly notary: Notary;
  readonly client: FederationClient;
  readonly backoff: DestinationBackoff;
  /** Answers the server that has signed the request; throws 401 `M_UNAUTHORIZED`. */
  authenticateServer(request: IncomingRequest): Promise<ServerName>;
  stop(): void;
}

export interface FederationOptions {
  readonly db: Database;
  readonly serverName: ServerName;
  /** File with the signing key of this process, made when it is missing. */
  readonly signingKeyFile: string;
  readonly http: OutboundHttp;
  /** The resolver that `http` uses too. */
  readonly names: NameLookup;
  /** Servers that are asked for the keys of servers that do not answer. */
  readonly notaries: readonly ServerName[];
  readonly clock: Clock;
  /** Numbers from 0 (inclusive) to 1 (exclusive), for spreading retries. */
  readonly random: () => number;
  /** Told of failures of what runs in the background. */
  readonly onError: (error: unknown) => void;
}

export async function openFederation(options: FederationOptions): Promise<Federation> {
  const { db, serverName, http, names, clock, random, onError } = options;
  const signingKey = await loadSigningKey(options.signingKeyFile);
  const ownKeys = await openOwnKeys({ db, serverName, signingKey, clock, onError });
  const wellKnown = createWellKnown({ http, clock, random });
  const discover = createServerDiscovery({ names, wellKnown, clock, random });
  const transport = createPeerTransport({ http, discover, clock });
  const keyRing = createKeyRing({ db, ownKeys, transport, notaries: options.notaries, clock, random });
  const backoff = createDestinationBackoff({ db, clock, random, onError });
  const requests = createSignedRequests({ serverName, signingKey, transport, backoff });
  return {
    ownKeys,
    keyRing,
    notary: createNotary({ db, ownKeys, keyRing, clock }),
    client: createFederationClient({ serverName, requests, transport, http, clock }),
    backoff,
    authenticateServer: createServerAuthenticator({ serverName, keyRing, clock, heardFrom: backoff.heardFrom }),
    stop: () => ownKeys.stop(),
  };
}
