import { missingToken } from '../protocol/errors.ts';
import type { Requester } from './route.ts';

export interface TokenRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly query: Readonly<Record<string, string[]>>;
  readonly ip: string;
  /** A missing token is fine; a wrong one is not. */
  readonly isOptional: boolean;
  /** The route stays open to a locked account. */
  readonly whenLocked: boolean;
  /** What the token stood for a while ago will do. */
  readonly fromMemory: boolean;
}

/** Answers who sent a request, or undefined without a token where `isOptional`; throws 401 otherwise. */
export type Authenticate = (request: TokenRequest) => Promise<Requester | undefined>;

/** Looks up a token; throws 401 `M_UNKNOWN_TOKEN` or `M_USER_LOCKED`. Implemented by `users/`. */
export type LookUpToken = (
  token: string,
  request: Pick<TokenRequest, 'ip' | 'whenLocked' | 'fromMemory'>,
) => Promise<Requester>;

/**
 * Client-Server API, "Using access tokens": the `Authorization: Bearer` header, and the query parameter `access_token`, which
 * servers must support up to version 1.19 of the spec. The header wins. The parameter never reaches a handler or a log.
 */
export function createAuthenticate(lookUp: LookUpToken): Authenticate {
  return async ({ headers, query, isOptional, ...request }) => {
    const token = bearerToken(headers.authorization) ?? query.access_token?.[0];
    if (token === undefined || token === '') {
      if (isOptional) return undefined;
      throw missingToken();
    }
    return await lookUp(token, request);
  };
}

function bearerToken(header: string | string[] | undefined): string | undefined {
  if (typeof header !== 'string') return undefined;
  return /^bearer +(\S+) *$/i.exec(header)?.[1];
}
