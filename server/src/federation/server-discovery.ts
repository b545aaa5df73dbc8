import type { Clock } from '../base/clock.ts';
import { LruCache } from '../base/lru-cache.ts';
import type { NameLookup, SrvRecord } from '../base/name-lookup.ts';
import type { Endpoint } from '../base/outbound-connect.ts';
import type { ServerName } from '../protocol/event.ts';
import { type ParsedServerName, parseServerName } from '../protocol/identifiers.ts';

const DEFAULT_PORT = 8448;
const MAX_PORT = 65_535;
/** DNS answers carry their own lifetime, which Node does not tell for SRV records. */
const SRV_LIFETIME_MS = 5 * 60_000;
/** Targets of SRV records that are tried. */
const MAX_TARGETS = 4;

/** Where a server may be reached: endpoints in the order in which to try them. Empty when there is no such server. */
export type ServerDiscovery = (serverName: ServerName) => Promise<readonly Endpoint[]>;

export interface ServerDiscoveryOptions {
  readonly names: NameLookup;
  /** Looks up who a host delegates to: see `createWellKnown`. */
  readonly wellKnown: (hostname: string) => Promise<ServerName | undefined>;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Orders SRV records by priority, and at random by weight within one (RFC 2782, "Weight"). */
function orderRecords(records: readonly SrvRecord[], random: () => number): SrvRecord[] {
  const key = new Map(records.map((record) => [record, random() ** (1 / Math.max(record.weight, 0.001))]));
  return records.toSorted((a, b) => a.priority - b.priority || (key.get(b) ?? 0) - (key.get(a) ?? 0));
}

/**
 * Makes the discovery of Server-Server API, "Resolving server names". Its steps are marked with the spec's numbers. The
 * certificate is always that of the name that was delegated to over HTTPS, never one that DNS alone named.
 */
export function createServerDiscovery(options: ServerDiscoveryOptions): ServerDiscovery {
  const { names, wellKnown, clock, random } = options;
  const found = new LruCache<string, { records: readonly SrvRecord[] | undefined; expiresAt: number }>(10_000);

  /** Records of the service; undefined when there are none, or none can be learnt. */
  async function lookUpService(service: string): Promise<SrvRecord[] | undefined> {
    try {
      const records = await names.services(service);
      return records.length === 0 ? undefined : records;
    } catch {
      // Resolvers that do not know SRV records fail in many ways; the host itself on port 8448 is still worth a try.
      return undefined;
    }
  }

  async function serviceRecords(hostname: string): Promise<readonly SrvRecord[] | undefined> {
    const known = found.get(hostname);
    if (known !== undefined && clock.monotonic() < known.expiresAt) return known.records;
    // Steps 3.3 and 4, then the deprecated 3.4 and 5.
    const records =
      (await lookUpService(`_matrix-fed._tcp.${hostname}`)) ?? (await lookUpService(`_matrix._tcp.${hostname}`));
    found.set(hostname, { records, expiresAt: clock.monotonic() + SRV_LIFETIME_MS });
    return records;
  }

  return async (serverName) => {
    const parsed = parseServerName(serverName);
    if (parsed === undefined) return [];
    const requestedHost = parsed.host;
    const endpoint = (host: string, port: number, certificateName: string, hostHeader: string): Endpoint => ({
      protocol: 'https:',
      host,
      port,
      certificateName,
      hostHeader,
      requestedHost,
    });

    // Steps 1 and 3.1 (literals), 2 and 3.2 (explicit ports): the name alone says where to go.
    const direct = (name: string, { host, port, kind }: ParsedServerName): Endpoint[] | undefined => {
      if (kind === 'dns' && port === undefined) return undefined;
      const there = port ?? DEFAULT_PORT;
      return there > 0 && there <= MAX_PORT ? [endpoint(host, there, host, name)] : [];
    };

    // Steps 3.3 to 3.5, and 4 to 6: where SRV records lead, else port 8448 of the host itself.
    const viaService = async (hostname: string): Promise<Endpoint[]> => {
      const records = await serviceRecords(hostname);
      if (records === undefined) return [endpoint(hostname, DEFAULT_PORT, hostname, hostname)];
      return orderRecords(records, random)
        .filter((record) => record.name !== '' && record.name !== '.' && record.port > 0)
        .slice(0, MAX_TARGETS)
        .map((record) => endpoint(record.name, record.port, hostname, hostname));
    };

    const own = direct(serverName, parsed);
    if (own !== undefined) return own;
    // `localhost` is no name of DNS and has no public web server (RFC 6761): step 6 is what is left.
    if (parsed.host === 'localhost') return [endpoint('localhost', DEFAULT_PORT, 'localhost', serverName)];
    const delegate = await wellKnown(parsed.host);
    const delegated = delegate === undefined ? undefined : parseServerName(delegate);
    if (delegate === undefined || delegated === undefined) return await viaService(parsed.host);
    return direct(delegate, delegated) ?? (await viaService(delegated.host));
  };
}
