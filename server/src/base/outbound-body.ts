import { pipeline, type Readable, Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { OutboundError, toOutboundError } from './outbound-error.ts';

function limit(maxBytes: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      bytes += chunk.length;
      if (bytes > maxBytes) callback(new OutboundError('too_large', `The answer has more than ${maxBytes} bytes.`));
      else callback(null, chunk);
    },
  });
}

function decompressor(encoding: string): Transform | undefined {
  switch (encoding.trim().toLowerCase()) {
    case '':
    case 'identity':
      return undefined;
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'deflate':
      return createInflate();
    case 'br':
      return createBrotliDecompress();
    default:
      throw new OutboundError('bad_answer', `The answer has the content encoding ${encoding.slice(0, 40)}.`);
  }
}

/**
 * The decompressed bytes of a body. The stream fails with an `OutboundError` when more than `maxBytes` arrive or come out of
 * the decompressor, so neither an endless body nor a small one that unfolds to gigabytes costs more than that.
 */
export function boundedBody(
  source: Readable,
  contentEncoding: string,
  maxBytes: number,
  callerSignal: AbortSignal | undefined,
): Readable {
  const unpack = decompressor(contentEncoding);
  const last = new Transform({
    transform: (chunk, _encoding, callback) => callback(null, chunk),
    destroy: (error, callback) => callback(error === null ? null : toOutboundError(error, callerSignal)),
  });
  // The error reaches the reader through `last`, which the pipeline destroys with it.
  const done = () => {};
  if (unpack === undefined) pipeline(source, limit(maxBytes), last, done);
  else pipeline(source, limit(maxBytes), unpack, limit(maxBytes), last, done);
  return last;
}
