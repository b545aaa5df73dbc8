import { OutboundError } from '../base/outbound-error.ts';
import { MatrixError } from '../protocol/errors.ts';
import type { ServerName } from '../protocol/event.ts';
import { isJsonObject } from '../protocol/json.ts';

/** What the peer said about why it refuses. */
export interface RemoteRefusal {
  readonly status: number;
  readonly errcode: string | undefined;
}

export type FederationFailure =
  /** No connection, no name, no certificate, no answer in time. */
  | 'unreachable'
  /** It failed lately, or led nowhere, and was not asked again. */
  | 'backing_off'
  /** It answered with an error. */
  | 'refused'
  /** It answered with what is no valid answer. */
  | 'bad_answer'
  /** The caller gave up. */
  | 'aborted';

/**
 * Why a request to another server failed. As an error for our own clients it is always safe to let through: what the peer
 * said is mapped to a few codes of our choosing, and a 401 of a peer never becomes one of ours (A5.5).
 */
export class FederationError extends MatrixError {
  readonly destination: ServerName;
  readonly reason: FederationFailure;
  /** Set when `reason` is `refused`. For decisions, never for clients. */
  readonly remote: RemoteRefusal | undefined;

  constructor(
    destination: ServerName,
    reason: FederationFailure,
    error: MatrixError,
    remote?: RemoteRefusal,
    cause?: unknown,
  ) {
    super(error.errcode, error.message, error.status, error.extra);
    this.name = 'FederationError';
    this.destination = destination;
    this.reason = reason;
    this.remote = remote;
    if (cause !== undefined) this.cause = cause;
  }
}

/** Whether a failure says nothing about what the server has: it was not there, or it had no time. */
export function mayAnswerLater({ reason, remote, cause }: FederationError): boolean {
  if (reason === 'refused') return remote !== undefined && (remote.status === 429 || remote.status >= 500);
  // Without a cause the answer was whole, and wrong; with one the connection broke before it was.
  return reason !== 'bad_answer' || (cause instanceof OutboundError && cause.kind !== 'too_large');
}

/** Codes that mean to our client what they mean to us, with the status that the Client-Server API has for them. */
const PASSED_ON: ReadonlyMap<string, number> = new Map([
  ['M_FORBIDDEN', 403],
  ['M_NOT_FOUND', 404],
  ['M_UNABLE_TO_AUTHORISE_JOIN', 400],
  ['M_UNABLE_TO_GRANT_JOIN', 400],
  ['M_INCOMPATIBLE_ROOM_VERSION', 400],
  ['M_INVITE_BLOCKED', 403],
  ['M_TOO_LARGE', 502],
  ['M_NOT_YET_UPLOADED', 504],
  ['M_LIMIT_EXCEEDED', 429],
]);

const MAX_TEXT = 200;
const LONGEST_RETRY_AFTER_MS = 3_600_000;
const ROOM_VERSION = /^[a-z0-9.-]{1,32}$/;

/** Keys that a code carries besides the text, taken over one by one. */
function extraOf(errcode: string, body: Record<string, unknown>): Record<string, unknown> {
  if (errcode === 'M_INCOMPATIBLE_ROOM_VERSION' && typeof body.room_version === 'string')
    return ROOM_VERSION.test(body.room_version) ? { room_version: body.room_version } : {};
  if (errcode === 'M_LIMIT_EXCEEDED') {
    const wanted = Number.isSafeInteger(body.retry_after_ms) ? (body.retry_after_ms as number) : 1_000;
    return { retry_after_ms: Math.min(Math.max(wanted, 0), LONGEST_RETRY_AFTER_MS) };
  }
  return {};
}

/** The failure that an answer with an error status stands for. `body` is the parsed body, whatever it is. */
export function refusedBy(destination: ServerName, status: number, body: unknown): FederationError {
  const content = isJsonObject(body) ? body : {};
  const errcode = typeof content.errcode === 'string' ? content.errcode.slice(0, 255) : undefined;
  const remote = { status, errcode };
  const passed = errcode === undefined ? undefined : PASSED_ON.get(errcode);
  if (errcode === undefined || passed === undefined) {
    const error = new MatrixError('M_UNKNOWN', `The server ${destination} refused the request (${status}).`, 502);
    return new FederationError(destination, 'refused', error, remote);
  }
  const text = typeof content.error === 'string' ? content.error.toWellFormed().slice(0, MAX_TEXT) : errcode;
  const error = new MatrixError(errcode, `${destination}: ${text}`, passed, extraOf(errcode, content));
  return new FederationError(destination, 'refused', error, remote);
}

/** The failure that a broken exchange stands for. */
export function failedExchange(destination: ServerName, cause: OutboundError): FederationError {
  const reason =
    cause.kind === 'aborted'
      ? 'aborted'
      : cause.kind === 'bad_answer' || cause.kind === 'too_large'
        ? 'bad_answer'
        : 'unreachable';
  const text =
    reason === 'unreachable'
      ? 'cannot be reached'
      : reason === 'aborted'
        ? 'was not waited for'
        : 'gave no valid answer';
  return new FederationError(
    destination,
    reason,
    new MatrixError('M_UNKNOWN', `The server ${destination} ${text}.`, cause.kind === 'timeout' ? 504 : 502),
    undefined,
    cause,
  );
}

/** The failure of an answer that is not what the specification says. `what` names the part that is wrong. */
export function badAnswer(destination: ServerName, what: string): FederationError {
  const error = new MatrixError('M_UNKNOWN', `The server ${destination} gave no valid answer: ${what}.`, 502);
  return new FederationError(destination, 'bad_answer', error);
}

export function backingOff(destination: ServerName): FederationError {
  const error = new MatrixError('M_UNKNOWN', `The server ${destination} could not be reached lately.`, 502);
  return new FederationError(destination, 'backing_off', error);
}

/** What the server answered lately led nowhere, and it is not asked again for a while. */
export function leftAlone(destination: ServerName): FederationError {
  const error = new MatrixError('M_UNKNOWN', `The server ${destination} led nowhere lately.`, 502);
  return new FederationError(destination, 'backing_off', error);
}

/** Enough has been asked of the server for one purpose. */
export function askedEnough(destination: ServerName): FederationError {
  const error = new MatrixError('M_UNKNOWN', `The server ${destination} leads nowhere.`, 502);
  return new FederationError(destination, 'aborted', error);
}
