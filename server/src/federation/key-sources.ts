import { OutboundError } from '../base/outbound-error.ts';
import type { ServerName } from '../protocol/event.ts';
import { isJsonObject, type JsonObject } from '../protocol/json.ts';
import { JsonRefusal, parsePeerJson } from '../protocol/json-parser.ts';
import { type FindKey, verifyJson } from '../protocol/signing.ts';
import type { PeerTransport } from './peer-transport.ts';
import { readServerKeyAnswer, type ServerKeyAnswer } from './server-key-answer.ts';

const ORIGIN_DEADLINE_MS = 8_000;
const NOTARY_DEADLINE_MS = 15_000;
const MAX_ANSWER_BYTES = 64 * 1024;

/** Servers that one request to a notary asks for. */
export const NOTARY_BATCH = 50;

async function orUndefined<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    // The server is away or talks nonsense: it has no keys for us now, and is asked again later.
    if (error instanceof OutboundError || error instanceof JsonRefusal) return undefined;
    throw error;
  }
}

/**
 * Asks a server for its keys with `GET /_matrix/key/v2/server`. Answers undefined when that fails or the answer is not good.
 * @param now milliseconds since 1970
 */
export async function fetchFromOrigin(
  transport: PeerTransport,
  serverName: ServerName,
  now: () => number,
): Promise<{ answer: ServerKeyAnswer; json: string } | undefined> {
  return await orUndefined(async () => {
    const { status, body } = await transport.request(serverName, {
      path: '/_matrix/key/v2/server',
      headers: { accept: 'application/json' },
      maxBytes: MAX_ANSWER_BYTES,
      deadlineMs: ORIGIN_DEADLINE_MS,
    });
    if (status !== 200) return undefined;
    const answer = readServerKeyAnswer(parsePeerJson(body), serverName, now());
    return answer && { answer, json: body.toString() };
  });
}

/** Keys that are asked of a notary: by server and key id, the moment for which each must be valid; -Infinity for any. */
export type NotaryQuery = ReadonlyMap<ServerName, ReadonlyMap<string, number>>;

/**
 * Asks a notary with `POST /_matrix/key/v2/query`. Only answers that both the notary and the server itself have signed are
 * taken, and only for servers that were asked for. Answers undefined when the notary cannot be asked.
 * @param findNotaryKey keys of the notary, which must be known already
 */
export async function fetchFromNotary(
  transport: PeerTransport,
  notary: ServerName,
  query: NotaryQuery,
  findNotaryKey: FindKey,
  now: () => number,
): Promise<ServerKeyAnswer[] | undefined> {
  const serverKeys: JsonObject = Object.create(null);
  for (const [serverName, keys] of query) {
    const criteria: JsonObject = Object.create(null);
    for (const [keyId, validAt] of keys) criteria[keyId] = { minimum_valid_until_ts: Math.max(validAt, 0) };
    serverKeys[serverName] = criteria;
  }
  return await orUndefined(async () => {
    const { status, body } = await transport.request(notary, {
      path: '/_matrix/key/v2/query',
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ server_keys: serverKeys }),
      maxBytes: query.size * MAX_ANSWER_BYTES,
      deadlineMs: NOTARY_DEADLINE_MS,
    });
    const content = parsePeerJson(body);
    if (status !== 200 || !isJsonObject(content) || !Array.isArray(content.server_keys)) return undefined;
    return content.server_keys.flatMap((item) => {
      if (!isJsonObject(item) || typeof item.server_name !== 'string' || !query.has(item.server_name)) return [];
      if (!verifyJson(item, notary, findNotaryKey).ok) return [];
      return readServerKeyAnswer(item, item.server_name, now()) ?? [];
    });
  });
}
