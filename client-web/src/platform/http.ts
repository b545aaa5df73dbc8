/** The answer of a server that is not 2xx. `errcode` is set when the body is a Matrix error. */
export class HttpError extends Error {
  readonly status: number;
  readonly errcode: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;

  constructor(status: number, body: Readonly<Record<string, unknown>>) {
    super(typeof body.error === 'string' ? body.error : `The server answered ${status}`);
    this.name = 'HttpError';
    this.status = status;
    this.errcode = typeof body.errcode === 'string' ? body.errcode : undefined;
    this.body = body;
  }

  /** How long to wait before another attempt, when the server said so (M_LIMIT_EXCEEDED). */
  get retryAfterMs(): number | undefined {
    const value = this.body.retry_after_ms;
    return typeof value === 'number' ? value : undefined;
  }
}

/** No answer came: no connection, the name does not resolve, or the time ran out. */
export class ConnectionError extends Error {
  constructor(cause: unknown) {
    super('The server cannot be reached', { cause });
    this.name = 'ConnectionError';
  }
}

export interface JsonRequest {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  url: string;
  body?: unknown;
  accessToken?: string;
  /** Default 30 s. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** Sends a request and returns its JSON body. Throws `HttpError` or `ConnectionError`. */
export async function requestJson<T>(request: JsonRequest): Promise<T> {
  const headers: Record<string, string> = {};
  if (request.body !== undefined) headers['Content-Type'] = 'application/json';
  if (request.accessToken) headers.Authorization = `Bearer ${request.accessToken}`;
  const timeout = AbortSignal.timeout(request.timeoutMs ?? 30_000);
  let response: Response;
  try {
    response = await fetch(request.url, {
      method: request.method,
      headers,
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      signal: request.signal ? AbortSignal.any([request.signal, timeout]) : timeout,
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
    });
  } catch (cause) {
    if (request.signal?.aborted) throw cause;
    throw new ConnectionError(cause);
  }
  const body = await readJsonObject(response);
  if (!response.ok) throw new HttpError(response.status, body);
  return body as T;
}

/** A body that is not a JSON object (a proxy's error page, say) reads as an empty one. */
async function readJsonObject(response: Response): Promise<Record<string, unknown>> {
  try {
    const value: unknown = await response.json();
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
