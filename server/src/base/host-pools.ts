import { Pool } from 'undici';
import type { Endpoint, MakeConnector } from './outbound-connect.ts';
import { OutboundError } from './outbound-error.ts';

interface Host {
  readonly pool: Pool;
  requests: number;
  /** Most bytes of a body among the requests since there last were none. */
  maxBytes: number;
}

export interface HostPoolsOptions {
  readonly connectionsPerHost: number;
  /** Requests to one endpoint, under way and waiting for a connection. */
  readonly requestsPerHost: number;
  /** Endpoints that are kept open at a time. */
  readonly maxHosts: number;
  readonly connectorFor: MakeConnector;
}

function keyOf({ protocol, host, port, certificateName, hostHeader, requestedHost }: Endpoint): string {
  return JSON.stringify([protocol, host, port, certificateName, hostHeader, requestedHost]);
}

/** Keep-alive connections, a pool for each endpoint; those of endpoints that were not used for long are closed. */
export class HostPools {
  readonly #options: HostPoolsOptions;
  /** In order of last use, so that the one to close is found first. */
  readonly #hosts = new Map<string, Host>();
  readonly #closing = new Set<Promise<void>>();

  constructor(options: HostPoolsOptions) {
    this.#options = options;
  }

  /**
   * The pool for one request, which must be released once. Refuses as `overloaded` when too many are under way.
   *
   * @param maxBytes of the body of its answer
   */
  enter(endpoint: Endpoint, maxBytes: number): { pool: Pool; release: () => void } {
    const key = keyOf(endpoint);
    const host = this.#hostFor(key, endpoint);
    if (host.requests >= this.#options.requestsPerHost)
      throw new OutboundError('overloaded', `Too many requests to ${endpoint.host} are waiting.`);
    host.maxBytes = host.requests === 0 ? maxBytes : Math.max(host.maxBytes, maxBytes);
    host.requests++;
    let released = false;
    const release = () => {
      if (released) return;
      released = true;
      host.requests--;
      this.#retireIfUnused(key);
    };
    return { pool: host.pool, release };
  }

  /** Breaks off all requests. */
  async close(): Promise<void> {
    for (const { pool } of this.#hosts.values()) this.#closing.add(pool.destroy());
    this.#hosts.clear();
    await Promise.allSettled(this.#closing);
  }

  #hostFor(key: string, endpoint: Endpoint): Host {
    let entry = this.#hosts.get(key);
    if (entry === undefined) {
      if (this.#hosts.size >= this.#options.maxHosts && !this.#retireIdle())
        throw new OutboundError('overloaded', 'Requests to too many hosts are under way.');
      const pool = this.#open(endpoint, () => this.#hosts.get(key)?.maxBytes ?? 0);
      pool.on('disconnect', () => this.#retireIfUnused(key));
      entry = { pool, requests: 0, maxBytes: 0 };
    }
    this.#hosts.delete(key);
    this.#hosts.set(key, entry);
    return entry;
  }

  #open(endpoint: Endpoint, maxBytes: () => number): Pool {
    // The connector knows where to go. Names of servers may be what a URL cannot have as its host.
    return new Pool(`${endpoint.protocol}//endpoint.invalid`, {
      connections: this.#options.connectionsPerHost,
      pipelining: 1,
      allowH2: false,
      connect: this.#options.connectorFor(endpoint, maxBytes),
      // The deadline of each request covers the waits for headers and body.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: 15_000,
    });
  }

  /** An endpoint to which nothing is connected costs memory and saves nothing: dead servers leave nothing behind. */
  #retireIfUnused(key: string): void {
    const host = this.#hosts.get(key);
    if (host !== undefined && host.requests === 0 && host.pool.stats.connected === 0) this.#retire(key, host.pool);
  }

  #retire(key: string, pool: Pool): void {
    this.#hosts.delete(key);
    const closed = pool.close().finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }

  /** Closes the connections to the endpoint that was used longest ago and has no requests, if there is one. */
  #retireIdle(): boolean {
    for (const [key, { pool, requests }] of this.#hosts) {
      if (requests > 0) continue;
      this.#retire(key, pool);
      return true;
    }
    return false;
  }
}
