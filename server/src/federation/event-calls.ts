import type { Clock } from '../base/clock.ts';
import { canonicalJson } from '../protocol/canonical-json.ts';
import type { EventId, RoomId, ServerName } from '../protocol/event.ts';
import { isEventId } from '../protocol/identifiers.ts';
import { isJsonObject, type JsonObject } from '../protocol/json.ts';
import { answerReader, pdusOf, type UnverifiedPdu } from './answer-shape.ts';
import { badAnswer } from './federation-error.ts';
import { federationPath, withQuery } from './request-path.ts';
import type { CallOptions, SignedRequests } from './signed-request.ts';

const MiB = 1024 * 1024;
const SMALL = { maxBytes: MiB, deadlineMs: 30_000 };
/** A page of history; events have up to 64 KiB. */
const PAGE = { maxBytes: 20 * MiB, deadlineMs: 60_000 };
/** State or auth chains of a large room. */
const WHOLE_ROOM = { maxBytes: 100 * MiB, deadlineMs: 180_000 };

export interface Transaction {
  /** Repeated as it was until the peer has answered 200. */
  readonly txnId: string;
  /** PDUs as canonical JSON texts, at most 50. */
  readonly pdus: readonly string[];
  /** At most 100. */
  readonly edus: readonly JsonObject[];
}

/** Sending and fetching events (Server-Server API, "Transactions", "Backfilling", "Retrieving events"). */
export interface EventCalls {
  /**
   * PUT /_matrix/federation/v1/send/{txnId}. Answers what the peer says of single PDUs; those without an error are fine.
   */
  sendTransaction(
    destination: ServerName,
    transaction: Transaction,
    options?: CallOptions,
  ): Promise<{ readonly pdus: ReadonlyMap<EventId, { readonly error: string | undefined }> }>;
  /** GET /_matrix/federation/v1/backfill/{roomId}: the given events and what came before, `limit` in all. */
  backfill(
    destination: ServerName,
    request: { roomId: RoomId; from: readonly EventId[]; limit: number },
    options?: CallOptions,
  ): Promise<UnverifiedPdu[]>;
  /** POST /_matrix/federation/v1/get_missing_events/{roomId} */
  getMissingEvents(
    destination: ServerName,
    request: {
      roomId: RoomId;
      earliestEvents: readonly EventId[];
      latestEvents: readonly EventId[];
      limit: number;
      minDepth?: number;
    },
    options?: CallOptions,
  ): Promise<UnverifiedPdu[]>;
  /** GET /_matrix/federation/v1/event/{eventId} */
  event(destination: ServerName, request: { eventId: EventId }, options?: CallOptions): Promise<UnverifiedPdu>;
  /** GET /_matrix/federation/v1/state/{roomId}: the state before the event, and its auth chain. */
  state(
    destination: ServerName,
    request: { roomId: RoomId; eventId: EventId },
    options?: CallOptions,
  ): Promise<{ readonly pdus: UnverifiedPdu[]; readonly authChain: UnverifiedPdu[] }>;
  /** GET /_matrix/federation/v1/state_ids/{roomId} */
  stateIds(
    destination: ServerName,
    request: { roomId: RoomId; eventId: EventId },
    options?: CallOptions,
  ): Promise<{ readonly pduIds: EventId[]; readonly authChainIds: EventId[] }>;
  /** GET /_matrix/federation/v1/event_auth/{roomId}/{eventId} */
  eventAuth(
    destination: ServerName,
    request: { roomId: RoomId; eventId: EventId },
    options?: CallOptions,
  ): Promise<UnverifiedPdu[]>;
  /** POST /_matrix/policy/v1/sign: signatures of the policy server, which nobody has checked. */
  policySign(destination: ServerName, request: { event: JsonObject }, options?: CallOptions): Promise<JsonObject>;
  /** GET /_matrix/federation/v1/timestamp_to_event/{roomId}: the event closest to `ts` (ms) in the direction `dir`. */
  timestampToEvent(
    destination: ServerName,
    request: { roomId: RoomId; ts: number; dir: 'f' | 'b' },
    options?: CallOptions,
  ): Promise<{ readonly eventId: EventId; readonly originServerTs: number }>;
}

/** The body of a transaction. Keys and PDUs are canonical already, so that no event is written anew to be sent. */
function transactionContent(origin: ServerName, now: number, { pdus, edus }: Transaction): string {
  const parts = [
    `"edus":${canonicalJson([...edus])}`,
    `"origin":${canonicalJson(origin)}`,
    `"origin_server_ts":${now}`,
    `"pdus":[${pdus.join(',')}]`,
  ];
  return `{${parts.join(',')}}`;
}

export function eventCalls(requests: SignedRequests, serverName: ServerName, clock: Clock): EventCalls {
  type Limits = typeof SMALL;
  async function get(
    destination: ServerName,
    path: string,
    limits: Limits,
    options?: CallOptions,
  ): Promise<JsonObject> {
    const answer = await requests.json(destination, { method: 'GET', path, ...limits, options });
    return answerReader(destination).object(answer, 'it');
  }

  function eventIds(destination: ServerName, value: unknown, what: string): EventId[] {
    return answerReader(destination).strings(value, what).filter(isEventId);
  }

  return {
    async sendTransaction(destination, transaction, options) {
      const answer = await requests.json(destination, {
        method: 'PUT',
        path: federationPath('v1', 'send', transaction.txnId),
        content: transactionContent(serverName, clock.now(), transaction),
        maxBytes: MiB,
        deadlineMs: 60_000,
        options,
      });
      // With status 200 the transaction has arrived. Results that make no sense are no reason to send it again.
      const pdus = isJsonObject(answer) && isJsonObject(answer.pdus) ? answer.pdus : {};
      return {
        pdus: new Map(
          Object.entries(pdus).map(([eventId, result]) => {
            const error = isJsonObject(result) ? result.error : undefined;
            return [eventId as EventId, { error: typeof error === 'string' ? error.slice(0, 500) : undefined }];
          }),
        ),
      };
    },

    async backfill(destination, { roomId, from, limit }, options) {
      const path = withQuery(federationPath('v1', 'backfill', roomId), { v: from, limit });
      return pdusOf(destination, (await get(destination, path, PAGE, options)).pdus, 'pdus');
    },

    async getMissingEvents(destination, { roomId, earliestEvents, latestEvents, limit, minDepth }, options) {
      const body = {
        earliest_events: [...earliestEvents],
        latest_events: [...latestEvents],
        limit,
        min_depth: minDepth,
      };
      const path = federationPath('v1', 'get_missing_events', roomId);
      const request = { method: 'POST', path, content: canonicalJson(body), ...PAGE, options } as const;
      const answer = answerReader(destination).object(await requests.json(destination, request), 'it');
      return pdusOf(destination, answer.events, 'events');
    },

    async event(destination, { eventId }, options) {
      const answer = await get(destination, federationPath('v1', 'event', eventId), SMALL, options);
      const [pdu] = pdusOf(destination, answer.pdus, 'pdus');
      if (pdu === undefined) throw badAnswer(destination, 'pdus is empty');
      return pdu;
    },

    async state(destination, { roomId, eventId }, options) {
      const path = withQuery(federationPath('v1', 'state', roomId), { event_id: eventId });
      const answer = await get(destination, path, WHOLE_ROOM, options);
      return {
        pdus: pdusOf(destination, answer.pdus, 'pdus'),
        authChain: pdusOf(destination, answer.auth_chain, 'auth_chain'),
      };
    },

    async stateIds(destination, { roomId, eventId }, options) {
      const path = withQuery(federationPath('v1', 'state_ids', roomId), { event_id: eventId });
      const answer = await get(destination, path, PAGE, options);
      return {
        pduIds: eventIds(destination, answer.pdu_ids, 'pdu_ids'),
        authChainIds: eventIds(destination, answer.auth_chain_ids, 'auth_chain_ids'),
      };
    },

    async eventAuth(destination, { roomId, eventId }, options) {
      const path = federationPath('v1', 'event_auth', roomId, eventId);
      return pdusOf(destination, (await get(destination, path, WHOLE_ROOM, options)).auth_chain, 'auth_chain');
    },

    async policySign(destination, { event }, options) {
      const request = { method: 'POST', path: '/_matrix/policy/v1/sign', content: canonicalJson(event) } as const;
      const answer = await requests.json(destination, { ...request, ...SMALL, options });
      return answerReader(destination).object(answer, 'it');
    },

    async timestampToEvent(destination, { roomId, ts, dir }, options) {
      const path = withQuery(federationPath('v1', 'timestamp_to_event', roomId), { ts, dir });
      const answer = await get(destination, path, SMALL, options);
      if (!isEventId(answer.event_id)) throw badAnswer(destination, 'event_id is not an event id');
      const originServerTs = answerReader(destination).integer(answer.origin_server_ts, 'origin_server_ts');
      return { eventId: answer.event_id, originServerTs };
    },
  };
}
