import type { JsonObject } from '../../server/src/protocol/json.ts';

export interface ClientAnswer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what tests look into
  readonly body: any;
}

/** A signed-in user of a homeserver, as a client program sees it: plain HTTP and nothing else. */
export interface TestClient {
  readonly userId: string;
  readonly deviceId: string;
  readonly accessToken: string;
  /** Any request below `/_matrix/client/`: `v3/sync?since=…`. */
  request(method: string, path: string, body?: unknown): Promise<ClientAnswer>;
  /** The body of a 200; throws on every other status. */
  ok(method: string, path: string, body?: unknown): Promise<ClientAnswer['body']>;
  createRoom(body?: JsonObject): Promise<string>;
  /** Sends a text message and answers its event id. */
  say(roomId: string, text: string, txnId?: string): Promise<string>;
  setState(roomId: string, type: string, content: JsonObject, stateKey?: string): Promise<string>;
  join(roomIdOrAlias: string, via?: readonly string[]): Promise<string>;
  /** Waits, by long polls one after the other, until `done` answers something for a sync answer. */
  syncUntil<T>(since: string | undefined, done: (answer: ClientAnswer['body']) => T | undefined): Promise<T>;
}

let transactions = 0;

/** Registers a user with open registration. */
export async function registerClient(baseUrl: string, username: string): Promise<TestClient> {
  const auth = { type: 'm.login.dummy' };
  const registered = await send(baseUrl, undefined, 'POST', 'v3/register', { username, password: 'a good one', auth });
  if (registered.status !== 200) throw new Error(`cannot register ${username}: ${JSON.stringify(registered.body)}`);
  const { user_id: userId, device_id: deviceId, access_token: accessToken } = registered.body;
  return clientOf(baseUrl, { userId, deviceId, accessToken });
}

/** A client for a session that exists, on this process of the homeserver or another. */
export function clientOf(
  baseUrl: string,
  session: { userId: string; deviceId: string; accessToken: string },
): TestClient {
  const request = (method: string, path: string, body?: unknown) =>
    send(baseUrl, session.accessToken, method, path, body);
  const ok = async (method: string, path: string, body?: unknown) => {
    const answer = await request(method, path, body);
    if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  return {
    ...session,
    request,
    ok,
    createRoom: async (body = {}) => (await ok('POST', 'v3/createRoom', body)).room_id,
    say: async (roomId, text, txnId = `t${++transactions}`) =>
      (await ok('PUT', `v3/rooms/${enc(roomId)}/send/m.room.message/${txnId}`, { msgtype: 'm.text', body: text }))
        .event_id,
    setState: async (roomId, type, content, stateKey = '') =>
      (await ok('PUT', `v3/rooms/${enc(roomId)}/state/${type}/${enc(stateKey)}`, content)).event_id,
    join: async (roomIdOrAlias, via = []) =>
      (await ok('POST', `v3/join/${enc(roomIdOrAlias)}?${via.map((server) => `via=${enc(server)}`).join('&')}`, {}))
        .room_id,
    async syncUntil(since, done) {
      let from = since;
      for (let round = 0; round < 40; round++) {
        const answer = await ok('GET', `v3/sync?timeout=5000${from === undefined ? '' : `&since=${from}`}`);
        const found = done(answer);
        if (found !== undefined) return found;
        from = answer.next_batch;
      }
      throw new Error('what was waited for did not come in 40 syncs');
    },
  };
}

async function send(
  baseUrl: string,
  token: string | undefined,
  method: string,
  path: string,
  body?: unknown,
): Promise<ClientAnswer> {
  const response = await fetch(`${baseUrl}/_matrix/client/${path}`, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

/** A path segment. */
export function enc(segment: string): string {
  return encodeURIComponent(segment);
}
