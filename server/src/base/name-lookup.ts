import { Resolver } from 'node:dns/promises';
import { readFile, stat } from 'node:fs/promises';

export interface SrvRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** How names are looked up. A name that does not exist has no addresses and no records; only failures are thrown. */
export interface NameLookup {
  /** IPv4 and IPv6 addresses of a host name, in the order in which they should be tried. */
  addresses(host: string): Promise<string[]>;
  /** SRV records of a service name such as `_matrix-fed._tcp.example.org`, unordered. */
  services(name: string): Promise<SrvRecord[]>;
}

export interface NameLookupOptions {
  /** Time for one try of one DNS server, in milliseconds. */
  readonly timeoutMs?: number;
  readonly tries?: number;
  readonly hostsFile?: string;
}

const DOES_NOT_EXIST = new Set(['ENOTFOUND', 'ENODATA', 'NXDOMAIN']);

async function orNone<T>(answer: Promise<T[]>): Promise<T[]> {
  try {
    return await answer;
  } catch (error) {
    if (DOES_NOT_EXIST.has((error as { code?: string }).code ?? '')) return [];
    throw error;
  }
}

/** Host names of a hosts file with their addresses. */
function parseHosts(text: string): Map<string, string[]> {
  const hosts = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address, ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (address === undefined || address === '') continue;
    for (const name of names) {
      const key = name.toLowerCase();
      hosts.set(key, [...(hosts.get(key) ?? []), address]);
    }
  }
  return hosts;
}

/** Takes one of each family in turn, so that a broken IPv6 route costs one attempt and not all of them. */
function interleave(first: readonly string[], second: readonly string[]): string[] {
  const mixed: string[] = [];
  for (let i = 0; i < Math.max(first.length, second.length); i++) {
    const a = first[i];
    const b = second[i];
    if (a !== undefined) mixed.push(a);
    if (b !== undefined) mixed.push(b);
  }
  return mixed;
}

/**
 * Looks names up in the hosts file and then in DNS. It does not use the operating system's getaddrinfo: that blocks one of
 * the few threads which also hash passwords and read files, so that names of a slow hostile DNS server would stop both.
 */
export function systemNameLookup(options: NameLookupOptions = {}): NameLookup {
  const resolver = new Resolver({ timeout: options.timeoutMs ?? 2_000, tries: options.tries ?? 2 });
  const hostsFile = options.hostsFile ?? '/etc/hosts';
  let hosts = new Map<string, string[]>();
  let hostsRead = Number.NaN;

  async function hostsEntry(host: string): Promise<string[] | undefined> {
    try {
      const { mtimeMs } = await stat(hostsFile);
      if (mtimeMs !== hostsRead) {
        hosts = parseHosts(await readFile(hostsFile, 'utf8'));
        hostsRead = mtimeMs;
      }
    } catch {
      // A system without a readable hosts file has DNS only.
      hosts = new Map();
      hostsRead = Number.NaN;
    }
    return hosts.get(host);
  }

  return {
    async addresses(host) {
      const name = host.toLowerCase().replace(/\.$/, '');
      if (name === 'localhost' || name.endsWith('.localhost')) return ['127.0.0.1', '::1'];
      const fixed = await hostsEntry(name);
      if (fixed !== undefined) return fixed;
      const [v4, v6] = await Promise.allSettled([orNone(resolver.resolve4(name)), orNone(resolver.resolve6(name))]);
      const found = interleave(v6.status === 'fulfilled' ? v6.value : [], v4.status === 'fulfilled' ? v4.value : []);
      const failure = [v4, v6].find((answer) => answer.status === 'rejected');
      if (found.length === 0 && failure !== undefined) throw failure.reason;
      return found;
    },
    services: (name) => orNone(resolver.resolveSrv(name)),
  };
}
