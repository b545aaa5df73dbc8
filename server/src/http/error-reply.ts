import type { FastifyReply } from 'fastify';
import { invalidParam, MatrixError, notJson, tooLarge, unavailable } from '../protocol/errors.ts';

/** Postgres refuses NUL in text: such a string can only come from a request. */
const SQLSTATE_BAD_TEXT = new Set(['22021', '22P05']);
/** Deadlock, lock timeout, statement timeout, serialisation failure: the same request may succeed in a moment. */
const SQLSTATE_BUSY = new Set(['40P01', '55P03', '57014', '40001']);

/** What the client is told about an error, and whether the error is a bug of ours that must be logged with its stack. */
export function matrixErrorFor(error: unknown): { shown: MatrixError; isBug: boolean } {
  if (error instanceof MatrixError) return { shown: error, isBug: false };
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return { shown: tooLarge('The request body is too large.'), isBug: false };
  if (code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH')
    return { shown: notJson('The request body does not have the announced length.'), isBug: false };
  if (code === 'FST_ERR_BAD_URL')
    return { shown: invalidParam('The path is not valid percent-encoded UTF-8.'), isBug: false };
  if (typeof code === 'string' && SQLSTATE_BAD_TEXT.has(code))
    return { shown: invalidParam('The request holds a NUL character where none is allowed.'), isBug: false };
  if (typeof code === 'string' && SQLSTATE_BUSY.has(code))
    return { shown: unavailable('The server is busy. Try again in a moment.'), isBug: true };
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
    return {
      shown: new MatrixError('M_UNKNOWN', error instanceof Error ? error.message : 'Bad request.', statusCode),
      isBug: false,
    };
  return { shown: new MatrixError('M_UNKNOWN', 'Internal server error.', 500), isBug: true };
}

/** Sends the standard error response, with `Retry-After` wherever a delay is known. */
export function sendError(reply: FastifyReply, error: MatrixError): FastifyReply {
  const retryAfterMs = error.extra.retry_after_ms;
  if (typeof retryAfterMs === 'number') reply.header('retry-after', String(Math.ceil(retryAfterMs / 1000)));
  return reply.code(error.status).type('application/json; charset=utf-8').send(JSON.stringify(error.body()));
}
