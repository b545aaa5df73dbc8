import { Agent, request } from 'undici';

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The JSON body; an empty object where it was none. */
  readonly body: Record<string, unknown>;
}

/**
 * A client of the client-server API that knows nothing but HTTP: no retries, no caches. It may know several processes of one
 * homeserver and talks to one of them until told to `moveOn`.
 */
export interface MatrixClient {
  readonly userId: string;
  /** Empty for a client without an account. */
  readonly accessToken: string;
  /** Sends a request. Rejects when no answer came: what became of it is then unknown. */
  call(method: 'GET' | 'PUT' | 'POST', path: string, body?: object, timeoutMs?: number): Promise<Reply>;
  /** From now on talks to the next process. */
  moveOn(): void;
}

const agent = new Agent({
  connections: 256,
  pipelining: 1,
  keepAliveTimeout: 10_000,
  bodyTimeout: 0,
  headersTimeout: 0,
});
const TIMEOUT_MS = 60_000;

function createClient(urls: readonly string[], first: number, token: string, userId: string): MatrixClient {
  let current = first % urls.length;
  return {
    userId,
    accessToken: token,
    moveOn() {
      current = (current + 1) % urls.length;
    },
    async call(method, path, body, timeoutMs = TIMEOUT_MS) {
      const response = await request(`${urls[current]}${path}`, {
        dispatcher: agent,
        method,
        headers: {
          ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs),
      });
      const text = await response.body.text();
      const parsed: unknown = text.startsWith('{') ? JSON.parse(text) : {};
      return { status: response.statusCode, headers: response.headers, body: parsed as Record<string, unknown> };
    },
  };
}

/** The body of a 200; throws what the server said otherwise. For preparations, where nothing may go wrong. */
export async function expectOk(reply: Promise<Reply>): Promise<Record<string, unknown>> {
  const { status, body } = await reply;
  if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`);
  return body;
}

/** A client without an account. */
export function anonymousClient(urls: readonly string[]): MatrixClient {
  return createClient(urls, 0, '', '');
}

/**
 * Registers an account with a device.
 *
 * @param first which of the processes the client begins with
 */
export async function registerClient(urls: readonly string[], name: string, first = 0): Promise<MatrixClient> {
  const body = await expectOk(
    createClient(urls, first, '', '').call('POST', '/_matrix/client/v3/register', {
      username: name,
      password: `password of ${name}`,
      auth: { type: 'm.login.dummy' },
    }),
  );
  return createClient(urls, first, String(body.access_token), String(body.user_id));
}

export interface RoomEvent {
  readonly event_id: string;
  readonly type: string;
  readonly sender: string;
  readonly content: Record<string, unknown>;
}

/** Every event of a room that a member may see, oldest first, by walking back through `/messages`. */
export async function readRoom(client: MatrixClient, roomId: string): Promise<RoomEvent[]> {
  const pages: RoomEvent[][] = [];
  let from: string | undefined;
  do {
    const query = new URLSearchParams({ dir: 'b', limit: '500', ...(from === undefined ? {} : { from }) });
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/messages?${query}`;
    const body = await expectOk(client.call('GET', path));
    pages.push((body.chunk as RoomEvent[]).toReversed());
    from = body.end as string | undefined;
  } while (from !== undefined);
  return pages.toReversed().flat();
}
