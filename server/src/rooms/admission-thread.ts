import { Worker } from 'node:worker_threads';
import type { KnownKeys, VerifyKeys } from '../federation/verify-keys.ts';
import { unavailable } from '../protocol/errors.ts';
import type { Pdu, RoomId, ServerName } from '../protocol/event.ts';
import { parseStoredJson } from '../protocol/json-parser.ts';
import type { Expected, RefusedPdu, SoundPdu } from './check-pdu.ts';

export interface CheckRequest {
  readonly id: number;
  readonly values: readonly unknown[];
  readonly keys: KnownKeys;
  readonly versionId: string;
  readonly room: RoomId | undefined;
  readonly yetToSign: ServerName | undefined;
}

/** A `SoundPdu` as text alone, which costs little to hand over. */
export interface SoundText extends Omit<SoundPdu, 'pdu' | 'signers'> {
  readonly signers: readonly ServerName[];
}

export type CheckAnswer = { readonly id: number } & (
  | { readonly results: readonly (SoundText | RefusedPdu)[] }
  | { readonly error: unknown }
);

const WORKER = new URL('./admission-worker.ts', import.meta.url);
/** After so long without work the thread ends, and its memory with it. */
const IDLE_MS = 30_000;

/**
 * One thread that checks events where there are many at a time: hashes and signatures of a large room are seconds of arithmetic,
 * for which the event loop has to be left alone. It starts when it is needed.
 */
export class AdmissionThread {
  #worker: Worker | undefined;
  #isClosed = false;
  #lastId = 0;
  readonly #waiting = new Map<number, PromiseWithResolvers<readonly (SoundText | RefusedPdu)[]>>();
  #idle: NodeJS.Timeout | undefined;

  /**
   * Checks 1 to 3. In the order of the input.
   *
   * @param values without `NonCanonicalToken`s, which do not survive being handed over
   */
  async check(values: readonly unknown[], expected: Expected, keys: VerifyKeys): Promise<(SoundPdu | RefusedPdu)[]> {
    if (this.#isClosed) throw unavailable('The server is stopping.');
    const { version, room, yetToSign } = expected;
    const id = ++this.#lastId;
    const request: CheckRequest = { id, values, keys: keys.known, versionId: version.id, room, yetToSign };
    clearTimeout(this.#idle);
    this.#worker ??= this.#start();
    this.#worker.postMessage(request);
    const waiting = Promise.withResolvers<readonly (SoundText | RefusedPdu)[]>();
    this.#waiting.set(id, waiting);
    return (await waiting.promise).map((result) => ('reason' in result ? result : fromText(result)));
  }

  /** Ends the thread. Whoever waits for it is told that the server is stopping. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#end(unavailable('The server is stopping.'));
  }

  #start(): Worker {
    const worker = new Worker(WORKER);
    // What waits for it holds the process, if anything does.
    worker.unref();
    worker.on('message', (answer: CheckAnswer) => this.#settle(answer));
    worker.on('error', (error) => {
      if (this.#worker === worker) void this.#end(error);
    });
    return worker;
  }

  #settle(answer: CheckAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#idle = setTimeout(() => void this.#end(undefined), IDLE_MS).unref();
    if ('error' in answer) waiting?.reject(answer.error);
    else waiting?.resolve(answer.results);
  }

  async #end(reason: unknown): Promise<void> {
    clearTimeout(this.#idle);
    const worker = this.#worker;
    this.#worker = undefined;
    for (const waiting of this.#waiting.values()) waiting.reject(reason);
    this.#waiting.clear();
    await worker?.terminate();
  }
}

/** What has been checked is the text: the event is what that says. */
function fromText({ eventId, roomId, json, isRedacted, signers }: SoundText): SoundPdu {
  return { eventId, roomId, pdu: parseStoredJson(json) as Pdu, json, isRedacted, signers: new Set(signers) };
}
