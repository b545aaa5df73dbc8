import type { Readable } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { OutboundError } from '../base/outbound-error.ts';
import type { OutboundAnswer, OutboundHttp, OutboundRequest } from '../base/outbound-http.ts';
import type { ServerName } from '../protocol/event.ts';
import type { ServerDiscovery } from './server-discovery.ts';

export interface PeerRequest extends Omit<OutboundRequest, 'to' | 'maxRedirects'> {
  /** Request target: path and query, sent exactly as given. */
  readonly path: string;
}

/** Sends requests to servers by their server name, wherever that leads. Failures are `OutboundError`s. */
export interface PeerTransport {
  request(destination: ServerName, request: PeerRequest): Promise<OutboundAnswer<Buffer>>;
  stream(destination: ServerName, request: PeerRequest): Promise<OutboundAnswer<Readable>>;
}

/** Failures before anything was sent: the next endpoint may be tried without doing a thing twice. */
const NOTHING_SENT = new Set(['name', 'connect', 'certificate', 'address_refused']);

export function createPeerTransport(options: {
  readonly http: OutboundHttp;
  readonly discover: ServerDiscovery;
  readonly clock: Clock;
}): PeerTransport {
  const { http, discover, clock } = options;

  async function send<Answer>(
    destination: ServerName,
    request: PeerRequest,
    exchange: (request: OutboundRequest) => Promise<Answer>,
  ): Promise<Answer> {
    const { path, deadlineMs, ...rest } = request;
    const deadline = clock.monotonic() + deadlineMs;
    let failure = new OutboundError('name', `${destination} is not the name of a server that can be found.`);
    for (const endpoint of await discover(destination)) {
      const left = Math.ceil(deadline - clock.monotonic());
      if (left <= 0) throw new OutboundError('timeout', `${destination} could not be reached in time.`, failure);
      try {
        return await exchange({ ...rest, to: { ...endpoint, path }, deadlineMs: left });
      } catch (error) {
        if (!(error instanceof OutboundError) || !NOTHING_SENT.has(error.kind)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  return {
    request: (destination, request) => send(destination, request, (to) => http.request(to)),
    stream: (destination, request) => send(destination, request, (to) => http.stream(to)),
  };
}
