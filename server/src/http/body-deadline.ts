import type { IncomingMessage } from 'node:http';

/** A JSON body must have arrived completely after this time. */
const JSON_BODY_MS = 30_000;
/** A streamed body must make this much progress in every interval: about 1 KiB/s. */
const STREAM_INTERVAL_MS = 15_000;
const STREAM_INTERVAL_BYTES = 16 * 1024;

function hasBody(request: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  return encoding !== undefined || (length !== undefined && length !== '0');
}

/**
 * Ends connections that send their body too slowly. Node's own `requestTimeout` is one number for all requests: short
 * enough against slow senders it would cut off large uploads, so JSON bodies get a deadline and streams a lowest rate.
 * The reading side may stop a stream for as long as it likes: bytes that wait in our buffers count as arrived.
 */
export function enforceBodyDeadline(request: IncomingMessage, isStream: boolean): void {
  if (!hasBody(request) || request.complete) return;
  const { socket } = request;
  let seen = socket.bytesRead;
  const timer = isStream
    ? setInterval(() => {
        const isHeldBack = request.isPaused() || request.readableLength > 0;
        if (socket.bytesRead - seen < STREAM_INTERVAL_BYTES && !isHeldBack && !request.complete) socket.destroy();
        seen = socket.bytesRead;
      }, STREAM_INTERVAL_MS)
    : setTimeout(() => {
        if (!request.complete) socket.destroy();
      }, JSON_BODY_MS);
  timer.unref();
  request.once('close', () => clearTimeout(timer));
}
