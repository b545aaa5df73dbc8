/**
 * An error that a client or a peer is meant to see (Client-Server API, "Standard error response"). Everything else that is
 * thrown is a bug and becomes 500 `M_UNKNOWN`.
 */
export class MatrixError extends Error {
  readonly errcode: string;
  /** HTTP status code. */
  readonly status: number;
  /** Further keys of the response body, such as `retry_after_ms`. */
  readonly extra: Readonly<Record<string, unknown>>;

  constructor(errcode: string, message: string, status: number, extra: Record<string, unknown> = {}) {
    super(message);
    this.name = 'MatrixError';
    this.errcode = errcode;
    this.status = status;
    this.extra = extra;
  }

  body(): Record<string, unknown> {
    return { errcode: this.errcode, error: this.message, ...this.extra };
  }
}

export const badJson = (message: string) => new MatrixError('M_BAD_JSON', message, 400);
export const notJson = (message = 'The request body is not JSON.') => new MatrixError('M_NOT_JSON', message, 400);
export const missingParam = (message: string) => new MatrixError('M_MISSING_PARAM', message, 400);
export const invalidParam = (message: string) => new MatrixError('M_INVALID_PARAM', message, 400);
export const invalidUsername = (message: string) => new MatrixError('M_INVALID_USERNAME', message, 400);
export const forbidden = (message: string) => new MatrixError('M_FORBIDDEN', message, 403);
export const notFound = (message: string) => new MatrixError('M_NOT_FOUND', message, 404);
export const unrecognized = (message: string, status: 404 | 405 = 404) =>
  new MatrixError('M_UNRECOGNIZED', message, status);
export const tooLarge = (message: string) => new MatrixError('M_TOO_LARGE', message, 413);
export const unknownToken = (message: string, softLogout = false) =>
  new MatrixError('M_UNKNOWN_TOKEN', message, 401, { soft_logout: softLogout });
export const missingToken = () => new MatrixError('M_MISSING_TOKEN', 'An access token is required.', 401);
export const limitExceeded = (retryAfterMs: number) =>
  new MatrixError('M_LIMIT_EXCEEDED', 'Too many requests. Try again later.', 429, { retry_after_ms: retryAfterMs });
/** The database or another part we need is away for now; the request may be repeated. */
export const unavailable = (message = 'The server cannot reach its database. Try again in a moment.') =>
  new MatrixError('M_UNKNOWN', message, 503, { retry_after_ms: 1000 });
