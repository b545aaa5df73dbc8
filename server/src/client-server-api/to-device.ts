/** PUT /_matrix/client/v3/sendToDevice/{eventType}/{txnId}: Client-Server API, "Send-to-device messaging". */
import Type from 'typebox';
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { AnyObject } from '../http/schemas.ts';
import type { Requester } from '../users/requester.ts';
import type { ToDeviceRequest } from '../users/to-device.ts';

const Body = Type.Object({ messages: Type.Record(Type.String(), Type.Record(Type.String(), AnyObject)) });

export function toDeviceRoutes(send: (requester: Requester, request: ToDeviceRequest) => Promise<void>): ClientRoute[] {
  return [
    clientRoute({
      method: 'PUT',
      path: '/_matrix/client/v3/sendToDevice/{eventType}/{txnId}',
      auth: 'access_token',
      guests: true,
      rateLimit: 'message',
      body: Body,
      bodyIsContent: true,
      async handle({ params, body, requester }) {
        const { eventType: type = '', txnId = '' } = params;
        await send(requester, { type, txnId, messages: body.messages });
        return {};
      },
    }),
  ];
}
