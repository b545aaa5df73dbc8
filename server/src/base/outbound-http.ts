import type { Readable } from 'node:stream';
import type { PrivateAddresses } from './address-policy.ts';
import { HostPools } from './host-pools.ts';
import { type NameLookup, systemNameLookup } from './name-lookup.ts';
import { boundedBody } from './outbound-body.ts';
import { createConnectors, type Endpoint } from './outbound-connect.ts';
import { OutboundError, toOutboundError } from './outbound-error.ts';

export interface OutboundHttpOptions {
  readonly privateAddresses: PrivateAddresses;
  /** PEM certificates trusted besides those of Node and of the operating system. */
  readonly extraCa?: readonly string[];
  readonly names?: NameLookup;
  readonly userAgent: string;
  readonly connectTimeoutMs?: number;
  /** Connections to one endpoint. */
  readonly connectionsPerHost?: number;
  /** Requests to one endpoint, under way and waiting for a connection. More are refused as `overloaded`. */
  readonly requestsPerHost?: number;
  /** Endpoints that are kept open at a time. */
  readonly maxHosts?: number;
}

export interface OutboundRequest {
  /** An absolute http or https URL, or an endpoint with the exact request target that is sent to it. */
  readonly to: string | (Endpoint & { readonly path: string });
  readonly method?: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Lower-case names. `host`, `user-agent` and `accept-encoding` are set here. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Most bytes of the body, as sent and as decompressed. All of the answer may take twice that and 256 KiB. */
  readonly maxBytes: number;
  /** Time from the call to the last byte of the body, in milliseconds. */
  readonly deadlineMs: number;
  /** Redirects that are followed, for GET only; none where left out. */
  readonly maxRedirects?: number;
  readonly signal?: AbortSignal;
}

/** Header names are lower-case; repeated headers are joined by `, `. */
export type OutboundHeaders = ReadonlyMap<string, string>;

export interface OutboundAnswer<Body> {
  readonly status: number;
  readonly headers: OutboundHeaders;
  readonly body: Body;
  /** Where the answer came from, after redirects. */
  readonly url: string;
}

/**
 * The one way out of the server. Addresses are filtered when connecting, redirects pass the same filter, size and total
 * time are capped, certificates are always verified. Failures are `OutboundError`s; any HTTP status is an answer.
 */
export interface OutboundHttp {
  /** Reads the whole answer. */
  request(request: OutboundRequest): Promise<OutboundAnswer<Buffer>>;
  /** Answers when the headers are in. The body must be read or destroyed; it fails past `maxBytes` or the deadline. */
  stream(request: OutboundRequest): Promise<OutboundAnswer<Readable>>;
  close(): Promise<void>;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * Reads an absolute http or https URL as an endpoint and the request target there. `requestedHost` is the host for whose sake
 * the URL is fetched, where that is not its own.
 */
export function endpointOf(text: string, requestedHost?: string): Endpoint & { path: string } {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw new OutboundError('address_refused', 'The URL is not an http or https URL.');
  if (url.username !== '' || url.password !== '')
    throw new OutboundError('address_refused', 'The URL holds credentials.');
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return {
    protocol: url.protocol,
    host,
    port: url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port),
    certificateName: host,
    hostHeader: url.host,
    requestedHost: requestedHost ?? host,
    path: url.pathname + url.search,
  };
}

function headerMap(raw: readonly (string | Buffer)[]): OutboundHeaders {
  const headers = new Map<string, string>();
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = String(raw[i]).toLowerCase();
    const value = String(raw[i + 1]);
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return headers;
}

async function readAll(body: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function openBody(source: Readable, headers: OutboundHeaders, request: OutboundRequest): Readable {
  try {
    const length = Number(headers.get('content-length') ?? 0);
    if (length > request.maxBytes)
      throw new OutboundError('too_large', `The answer has ${length} bytes, more than ${request.maxBytes}.`);
    return boundedBody(source, headers.get('content-encoding') ?? '', request.maxBytes, request.signal);
  } catch (error) {
    source.on('error', () => {});
    source.destroy();
    throw error;
  }
}

/** One exchange without redirects. `signal` ends it at the deadline too. */
async function exchange(
  pools: HostPools,
  userAgent: string,
  target: Endpoint & { readonly path: string },
  request: OutboundRequest,
  signal: AbortSignal,
): Promise<OutboundAnswer<Readable>> {
  const { pool, release } = pools.enter(target, request.maxBytes);
  try {
    const answer = await pool.request({
      path: target.path,
      method: request.method ?? 'GET',
      headers: {
        'accept-encoding': 'gzip',
        ...request.headers,
        host: target.hostHeader,
        'user-agent': userAgent,
      },
      body: request.body ?? null,
      signal,
      responseHeaders: 'raw',
    });
    answer.body.once('close', release);
    const headers = headerMap(answer.headers as unknown as (string | Buffer)[]);
    return {
      status: answer.statusCode,
      headers,
      body: openBody(answer.body, headers, request),
      url: `${target.protocol}//${target.hostHeader}${target.path}`,
    };
  } catch (error) {
    release();
    throw toOutboundError(error, request.signal);
  }
}

/** Where a redirect leads, on behalf of the host that the request was first meant for. */
function redirectTarget(location: string, base: string, from: Endpoint): Endpoint & { path: string } {
  if (!URL.canParse(location, base)) throw new OutboundError('redirects', 'The redirect leads to no URL.');
  const target = endpointOf(new URL(location, base).href, from.requestedHost);
  if (from.protocol === 'https:' && target.protocol === 'http:')
    throw new OutboundError('redirects', 'The redirect leads from https to http.');
  return target;
}

export function createOutboundHttp(options: OutboundHttpOptions): OutboundHttp {
  const pools = new HostPools({
    connectionsPerHost: options.connectionsPerHost ?? 8,
    requestsPerHost: options.requestsPerHost ?? 200,
    maxHosts: options.maxHosts ?? 2_000,
    connectorFor: createConnectors({
      privateAddresses: options.privateAddresses,
      names: options.names ?? systemNameLookup(),
      extraCa: options.extraCa ?? [],
      timeoutMs: options.connectTimeoutMs ?? 10_000,
    }),
  });

  async function stream(request: OutboundRequest): Promise<OutboundAnswer<Readable>> {
    const deadline = AbortSignal.timeout(request.deadlineMs);
    const signal = request.signal === undefined ? deadline : AbortSignal.any([deadline, request.signal]);
    const maxRedirects = request.maxRedirects ?? 0;
    let target = typeof request.to === 'string' ? endpointOf(request.to) : request.to;
    let current = request;
    for (let redirects = 0; ; redirects++) {
      const answer = await exchange(pools, options.userAgent, target, current, signal);
      const location = answer.headers.get('location');
      if (maxRedirects === 0 || !REDIRECTS.has(answer.status) || location === undefined) return answer;
      answer.body.on('error', () => {});
      answer.body.destroy();
      if (redirects >= maxRedirects) throw new OutboundError('redirects', `More than ${maxRedirects} redirects.`);
      target = redirectTarget(location, answer.url, target);
      // What was meant for the first host, such as credentials, is not told to the next.
      current = { ...request, headers: { accept: request.headers?.accept ?? '*/*' } };
    }
  }

  return {
    stream,
    async request(request) {
      const answer = await stream(request);
      return { ...answer, body: await readAll(answer.body) };
    },
    close: () => pools.close(),
  };
}
