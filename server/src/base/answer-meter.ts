import type { Socket } from 'node:net';
import { OutboundError } from './outbound-error.ts';

/** What may come besides bodies: status lines, headers, answers before the answer. */
const HEADS_BYTES = 256 * 1024;

/**
 * Breaks a connection off when more comes than an answer may need. HTTP lets a server write without end where no body is: a
 * status text, extensions of chunks, answers such as 103. The parser bounds headers and the caller bodies, but nobody those.
 *
 * @param maxBytes of the largest body that may come now; its framing may take as much again
 */
export function meterAnswers(socket: Socket, maxBytes: () => number): void {
  let written = socket.bytesWritten;
  let before = socket.bytesRead;
  let read = before;
  socket.on('readable', () => {
    // One answer at a time: with a new request a new one begins.
    if (socket.bytesWritten !== written) before = read;
    written = socket.bytesWritten;
    read = socket.bytesRead;
    if (read - before > HEADS_BYTES + 2 * maxBytes())
      socket.destroy(new OutboundError('too_large', `The answer takes more than ${read - before} bytes.`));
  });
}
