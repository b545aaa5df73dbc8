export type OutboundFailure =
  /** The address is not one that requests may reach, or the URL is not http(s). */
  | 'address_refused'
  /** The name could not be looked up or has no address. */
  | 'name'
  | 'connect'
  /** TLS failed: certificate of another name, unknown issuer, expired, no common version. */
  | 'certificate'
  /** The total deadline passed. */
  | 'timeout'
  /** The body is larger than allowed, before or after decompression. */
  | 'too_large'
  | 'redirects'
  /** Too many requests to this host are waiting already. */
  | 'overloaded'
  /** The connection broke or what came is not HTTP. */
  | 'bad_answer'
  /** The caller gave up. */
  | 'aborted';

/** Why a request did not get an answer that can be used. An answer with an error status is not an error here. */
export class OutboundError extends Error {
  readonly kind: OutboundFailure;

  constructor(kind: OutboundFailure, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'OutboundError';
    this.kind = kind;
  }
}

/** Turns whatever sockets, HTTP parsers and decompressors throw into an `OutboundError`. */
export function toOutboundError(error: unknown, callerSignal?: AbortSignal): OutboundError {
  if (error instanceof OutboundError) return error;
  const { name, code, message } = error as { name?: string; code?: string; message?: string };
  if (callerSignal?.aborted) return new OutboundError('aborted', 'The request was given up.', error);
  if (name === 'TimeoutError') return new OutboundError('timeout', 'No complete answer came in time.', error);
  if (['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'EADDRNOTAVAIL'].includes(code ?? ''))
    return new OutboundError('connect', `The connection failed: ${code}`, error);
  return new OutboundError('bad_answer', `The answer cannot be used: ${message ?? code ?? name}`, error);
}
