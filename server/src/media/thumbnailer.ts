import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { MatrixError } from '../protocol/errors.ts';
import type { ImageType } from './image-type.ts';
import type { ThumbnailTarget } from './thumbnail-plan.ts';

/** First line of the worker's answer. */
export type WorkerAnswer =
  | { readonly kind: 'original'; readonly contentType: ImageType }
  | { readonly kind: 'made'; readonly contentType: ImageType }
  | { readonly kind: 'too_large' }
  | { readonly kind: 'unreadable' };

export type ThumbnailResult =
  /** The image is its own thumbnail: it is not larger than what was asked for. */
  | { readonly kind: 'original'; readonly contentType: ImageType }
  | { readonly kind: 'made'; readonly contentType: ImageType; readonly bytes: Buffer }
  /** More pixels than are decoded. */
  | { readonly kind: 'too_large' }
  /** Not an image of a type that is decoded, or a broken one, or one that broke the worker's limits. */
  | { readonly kind: 'unreadable' };

export interface ThumbnailerOptions {
  /** Workers at a time. */
  readonly concurrency: number;
  /** Requests that may wait for a worker; more are refused with 503. */
  readonly maxWaiting: number;
  /** Milliseconds of wall-clock time for one image. */
  readonly timeoutMs: number;
}

const WORKER = fileURLToPath(new URL('./thumbnail-worker.ts', import.meta.url));
/** Sharp and its native libraries, and this folder: all that the worker can read from disk. */
const READABLE = [new URL('./', import.meta.url), new URL('../../', import.meta.resolve('sharp'))].map((folder) =>
  fileURLToPath(folder),
);
const CPU_SECONDS = 10;
/** Writable memory in KiB. V8 sets aside some 600 MiB that it never touches, so this keeps what is in use below 512 MiB. */
const DATA_KIB = 1_048_576;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/**
 * Limits are set by the shell that becomes the worker, so that they hold from its first instruction. Where the system lets
 * us make a network namespace the worker has no network at all; elsewhere it still has no code that would use one.
 */
const LIMITED = `ulimit -t ${CPU_SECONDS}; ulimit -d ${DATA_KIB}; ulimit -c 0
unshare -rn true 2>/dev/null && exec unshare -rn "$0" "$@"
exec "$0" "$@"`;

const NODE_OPTIONS = [
  '--permission',
  '--allow-addons',
  ...READABLE.map((folder) => `--allow-fs-read=${folder}`),
  '--max-old-space-size=128',
  '--no-warnings',
];

async function runWorker(source: Readable, request: object, timeoutMs: number): Promise<ThumbnailResult> {
  const child = spawn('/bin/sh', ['-c', LIMITED, process.execPath, ...NODE_OPTIONS, WORKER, JSON.stringify(request)], {
    env: { PATH: process.env.PATH ?? '' },
    stdio: ['pipe', 'pipe', 'ignore'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code));
  });
  const fed = pipeline(source, child.stdin).catch((error: NodeJS.ErrnoException) => {
    // A worker that has seen enough, or was ended, no longer reads; what it answered counts.
    if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET' && error.code !== 'ERR_STREAM_PREMATURE_CLOSE')
      throw error;
  });
  const chunks: Buffer[] = [];
  let answerBytes = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    answerBytes += chunk.length;
    if (answerBytes > MAX_ANSWER_BYTES) child.kill('SIGKILL');
    else chunks.push(chunk);
  });
  const [code] = await Promise.all([exited, fed]);
  return code === 0 ? parseAnswer(Buffer.concat(chunks)) : { kind: 'unreadable' };
}

function parseAnswer(output: Buffer): ThumbnailResult {
  const newline = output.indexOf('\n');
  const answer = JSON.parse(output.toString('utf8', 0, newline)) as WorkerAnswer;
  return answer.kind === 'made' ? { ...answer, bytes: output.subarray(newline + 1) } : answer;
}

/** Makes thumbnails in child processes, a bounded number at a time, in the order asked for. */
export class Thumbnailer {
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #options: ThumbnailerOptions;

  constructor(options: ThumbnailerOptions) {
    this.#options = options;
  }

  /** `open` is called when it is this image's turn. */
  async make(
    open: () => Promise<Readable>,
    request: ThumbnailTarget & { animated: boolean },
  ): Promise<ThumbnailResult> {
    await this.#takeTurn();
    try {
      return await runWorker(await open(), request, this.#options.timeoutMs);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  async #takeTurn(): Promise<void> {
    if (this.#running < this.#options.concurrency) {
      this.#running++;
      return;
    }
    if (this.#waiting.length >= this.#options.maxWaiting)
      throw new MatrixError('M_UNKNOWN', 'Too many thumbnails are being made. Try again in a moment.', 503, {
        retry_after_ms: 2000,
      });
    // Whoever is done hands its turn over, so that nobody who comes later gets in between.
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
