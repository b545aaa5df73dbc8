import type { IncomingMessage } from 'node:http';

export interface BodyDeadlines {
  /** A JSON body must have arrived completely after this time. */
  readonly jsonMs: number;
  /** A streamed body must make this much progress in every interval. */
  readonly streamIntervalMs: number;
  readonly streamIntervalBytes: number;
}

/** About 1 KiB/s for streams. */
const DEFAULT_DEADLINES: BodyDeadlines = { jsonMs: 30_000, streamIntervalMs: 15_000, streamIntervalBytes: 16 * 1024 };

function hasBody(request: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  return encoding !== undefined || (length !== undefined && length !== '0');
}

/**
 * Ends connections that send their body too slowly. Node's own `requestTimeout` is one number for all requests: short
 * enough against slow senders it would cut off large uploads, so JSON bodies get a deadline and streams a lowest rate.
 * The reading side may stop a stream for as long as it likes: bytes that wait in our buffers count as arrived.
 */
export function enforceBodyDeadline(
  request: IncomingMessage,
  isStream: boolean,
  deadlines: BodyDeadlines = DEFAULT_DEADLINES,
): void {
  if (!hasBody(request) || request.complete) return;
  const { socket } = request;
  let seen = socket.bytesRead;
  const timer = isStream
    ? setInterval(() => {
        const isHeldBack = request.isPaused() || request.readableLength > 0;
        if (socket.bytesRead - seen < deadlines.streamIntervalBytes && !isHeldBack && !request.complete)
          socket.destroy();
        seen = socket.bytesRead;
      }, deadlines.streamIntervalMs)
    : setTimeout(() => {
        if (!request.complete) socket.destroy();
      }, deadlines.jsonMs);
  timer.unref();
  request.once('close', () => clearTimeout(timer));
}
