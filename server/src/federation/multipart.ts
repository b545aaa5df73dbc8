import type { Readable } from 'node:stream';

/** The body is no multipart body, or ended before it should. */
export class MultipartError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MultipartError';
  }
}

export interface Part {
  /** Header names are lower-case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Must be read to its end before the next part is asked for. */
  readonly content: AsyncIterable<Buffer>;
}

const MAX_HEADER_BYTES = 16 * 1024;
const MAX_PREAMBLE_BYTES = 16 * 1024;
const MAX_PADDING_BYTES = 100;
const DASHES = Buffer.from('--');
const CRLF = Buffer.from('\r\n');
const END_OF_HEADERS = Buffer.from('\r\n\r\n');

/** The `boundary` of a `multipart/mixed` content type; undefined for any other type. */
export function multipartBoundary(contentType: string | undefined): string | undefined {
  const [type = '', ...parameters] = (contentType ?? '').split(';');
  if (type.trim().toLowerCase() !== 'multipart/mixed') return undefined;
  for (const parameter of parameters) {
    const value = /^\s*boundary\s*=\s*(?:"([^"\\]{1,70})"|([^\s"]{1,70}))\s*$/i.exec(parameter);
    if (value !== null) return value[1] ?? value[2];
  }
  return undefined;
}

/** Bytes of a stream, read up to marks. Never holds more than one chunk and a mark beyond what it is asked for. */
class MarkedReader {
  readonly #source: AsyncIterator<Buffer>;
  #held: Buffer;

  constructor(source: Readable, start: Buffer) {
    this.#source = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    this.#held = start;
  }

  async #more(): Promise<void> {
    const { value, done } = await this.#source.next();
    if (done) throw new MultipartError('The multipart body ends too early.');
    this.#held = this.#held.length === 0 ? value : Buffer.concat([this.#held, value]);
  }

  /** Takes the bytes if they come next; otherwise nothing. */
  async takeIf(bytes: Buffer): Promise<boolean> {
    while (this.#held.length < bytes.length) await this.#more();
    if (!this.#held.subarray(0, bytes.length).equals(bytes)) return false;
    this.#held = this.#held.subarray(bytes.length);
    return true;
  }

  /** Everything before the mark, which is taken too. */
  async takeUntil(mark: Buffer, maxBytes: number): Promise<Buffer> {
    for (;;) {
      const at = this.#held.indexOf(mark);
      if ((at < 0 ? this.#held.length : at) > maxBytes)
        throw new MultipartError('A part of the multipart body is too long.');
      if (at >= 0) {
        const taken = this.#held.subarray(0, at);
        this.#held = this.#held.subarray(at + mark.length);
        return taken;
      }
      await this.#more();
    }
  }

  /** The same piece by piece, however much it is. */
  async *streamUntil(mark: Buffer): AsyncGenerator<Buffer> {
    for (;;) {
      const at = this.#held.indexOf(mark);
      // The end of what is held may be the start of the mark.
      const sure = at >= 0 ? at : Math.max(this.#held.length - mark.length + 1, 0);
      const piece = this.#held.subarray(0, sure);
      this.#held = this.#held.subarray(at >= 0 ? at + mark.length : sure);
      if (piece.length > 0) yield piece;
      if (at >= 0) return;
      await this.#more();
    }
  }
}

function parseHeaders(block: Buffer): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  const lines = block
    .toString('latin1')
    .replaceAll(/\r\n[\t ]+/g, ' ')
    .split('\r\n');
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon <= 0) throw new MultipartError('A part has a header without a name.');
    headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  return headers;
}

/** The parts of a multipart body (RFC 2046, 5.1.1) one after the other, as they arrive. Throws `MultipartError`. */
export async function* readMultipart(body: Readable, boundary: string): AsyncGenerator<Part> {
  const delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  // The first delimiter may stand at the very start, without a line end before it.
  const reader = new MarkedReader(body, CRLF);
  await reader.takeUntil(delimiter, MAX_PREAMBLE_BYTES);
  while (!(await reader.takeIf(DASHES))) {
    const padding = await reader.takeUntil(CRLF, MAX_PADDING_BYTES);
    if (padding.some((byte) => byte !== 0x20 && byte !== 0x09)) throw new MultipartError('A delimiter is not a line.');
    const headers = (await reader.takeIf(CRLF))
      ? new Map<string, string>()
      : parseHeaders(await reader.takeUntil(END_OF_HEADERS, MAX_HEADER_BYTES));
    yield { headers, content: reader.streamUntil(delimiter) };
  }
}
