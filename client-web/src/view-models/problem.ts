import { ConnectionError, HttpError } from '../platform/http.ts';

/**
 * Why something did not work, in a form that a view can put into words: `code` names a text of `common.problem.*`,
 * `detail` is the server's own sentence for the cases we have no better one for.
 */
export interface Problem {
  code: ProblemCode;
  detail?: string;
  /** For `tooMany`: seconds to wait. */
  seconds?: number;
}

export type ProblemCode =
  | 'unreachable'
  | 'otherServer'
  | 'tooMany'
  | 'forbidden'
  | 'notFound'
  | 'tooLarge'
  | 'refused'
  | 'unexpected';

interface ErrorFacts {
  status: number | undefined;
  errcode: string | undefined;
  message: string;
  retryAfterMs: number | undefined;
}

/** Sorts any thrown value. Understands our own errors and, by their shape, those of the Matrix SDK. */
export function toProblem(error: unknown): Problem {
  if (error instanceof ConnectionError) return { code: 'unreachable' };
  const facts = readFacts(error);
  if (!facts) return { code: 'unexpected', detail: error instanceof Error ? error.message : String(error) };
  if (facts.errcode === 'M_LIMIT_EXCEEDED') {
    return { code: 'tooMany', seconds: Math.max(1, Math.ceil((facts.retryAfterMs ?? 5000) / 1000)) };
  }
  if (facts.errcode === 'M_TOO_LARGE') return { code: 'tooLarge' };
  if (facts.errcode === 'M_FORBIDDEN') return { code: 'forbidden', detail: facts.message };
  if (facts.errcode === 'M_NOT_FOUND') return { code: 'notFound', detail: facts.message };
  if (facts.status === undefined) return { code: 'unreachable' };
  // Our server has asked another one for us and got no answer that makes sense.
  if (facts.status === 502 || facts.status === 504) return { code: 'otherServer' };
  return { code: facts.status >= 500 ? 'unexpected' : 'refused', detail: facts.message };
}

/** The Matrix error code of anything thrown, if it has one. */
export function errcodeOf(error: unknown): string | undefined {
  return readFacts(error)?.errcode;
}

function readFacts(error: unknown): ErrorFacts | undefined {
  if (error instanceof HttpError) {
    return { status: error.status, errcode: error.errcode, message: error.message, retryAfterMs: error.retryAfterMs };
  }
  if (!(error instanceof Error)) return undefined;
  // The SDK's MatrixError and ConnectionError, which this layer does not import.
  const { httpStatus, errcode, data } = error as { httpStatus?: unknown; errcode?: unknown; data?: unknown };
  const body = typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {};
  if (typeof httpStatus !== 'number' && typeof errcode !== 'string') {
    return error.name === 'ConnectionError'
      ? { status: undefined, errcode: undefined, message: error.message, retryAfterMs: undefined }
      : undefined;
  }
  return {
    status: typeof httpStatus === 'number' ? httpStatus : undefined,
    errcode: typeof errcode === 'string' ? errcode : undefined,
    message: typeof body.error === 'string' ? body.error : error.message,
    retryAfterMs: typeof body.retry_after_ms === 'number' ? body.retry_after_ms : undefined,
  };
}
