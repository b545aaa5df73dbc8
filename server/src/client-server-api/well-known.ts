/**
 * GET /.well-known/matrix/client, /.well-known/matrix/support: Client-Server API, "Well-known URIs".
 * GET /.well-known/matrix/server: Server-Server API, "Server discovery".
 */
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { notFound } from '../protocol/errors.ts';

export interface WellKnown {
  /** Base URL of the client API. */
  readonly clientBaseUrl: string | undefined;
  /** Host and port where other servers reach this one. */
  readonly federationAddress: string | undefined;
  /** How to reach the administrators. */
  readonly contacts: readonly { role: string; matrix_id?: string; email_address?: string }[];
  readonly supportPage: string | undefined;
}

export function wellKnownRoutes(wellKnown: WellKnown): ClientRoute[] {
  const { clientBaseUrl, federationAddress, contacts, supportPage } = wellKnown;
  const file = (name: string, content: Record<string, unknown> | undefined) =>
    clientRoute({
      method: 'GET',
      path: `/.well-known/matrix/${name}`,
      auth: 'none',
      guests: true,
      rateLimit: 'read',
      async handle() {
        if (content === undefined) throw notFound('Nothing is published here.');
        return content;
      },
    });
  const support = {
    ...(contacts.length > 0 ? { contacts } : {}),
    ...(supportPage === undefined ? {} : { support_page: supportPage }),
  };
  return [
    file('client', clientBaseUrl === undefined ? undefined : { 'm.homeserver': { base_url: clientBaseUrl } }),
    file('server', federationAddress === undefined ? undefined : { 'm.server': federationAddress }),
    file('support', Object.keys(support).length === 0 ? undefined : support),
  ];
}
