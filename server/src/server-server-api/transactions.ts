/**
 * Transactions (Server-Server API, "Transactions").
 *
 * PUT /_matrix/federation/v1/send/{txnId}
 *
 * The envelope is read leniently: whatever is wrong with one item is that item's result (A1.6). ACLs are applied per item.
 */
import { Type } from 'typebox';
import { type FederationRoute, federationRoute } from '../http/route.ts';
import { invalidParam } from '../protocol/errors.ts';
import type { TransactionReceiver } from '../rooms/receive-transaction.ts';

const Body = Type.Object({ pdus: Type.Array(Type.Unknown()), edus: Type.Optional(Type.Array(Type.Unknown())) });

const MAX_PDUS = 50;
const MAX_EDUS = 100;
const MAX_BODY_BYTES = 13 * 1024 * 1024;
const MAX_ERROR_LENGTH = 500;

export function transactionRoutes(receiver: TransactionReceiver): FederationRoute[] {
  return [
    federationRoute({
      method: 'PUT',
      path: '/_matrix/federation/v1/send/{txnId}',
      auth: 'x_matrix',
      serverAcl: 'none',
      inRoom: 'none',
      rateLimit: 'federation',
      bodyLimitBytes: MAX_BODY_BYTES,
      timeoutMs: 90_000,
      body: Body,
      async handle({ params, body, origin }) {
        const { pdus, edus = [] } = body;
        if (pdus.length > MAX_PDUS || edus.length > MAX_EDUS)
          throw invalidParam(`A transaction has at most ${MAX_PDUS} PDUs and ${MAX_EDUS} EDUs.`);
        const result = await receiver.receive(origin, { txnId: params.txnId ?? '', pdus, edus });
        const entries = [...result].map(([eventId, error]): [string, { error?: string }] => [
          eventId,
          error === undefined ? {} : { error: error.slice(0, MAX_ERROR_LENGTH) },
        ]);
        return { pdus: Object.fromEntries(entries) };
      },
    }),
  ];
}
