import { argon2, type BinaryLike, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { limitExceeded, MatrixError } from '../protocol/errors.ts';
import { decodeBase64, encodeBase64 } from '../protocol/unpadded-base64.ts';

/** Shortest and longest password, in characters. */
const MIN_LENGTH = 8;
const MAX_LENGTH = 512;

/** Cost of one hash. */
export interface Argon2Cost {
  readonly memoryKiB: number;
  readonly passes: number;
  readonly lanes: number;
}

/** The least that OWASP recommends for argon2id; about 40 ms. */
export const DEFAULT_COST: Argon2Cost = { memoryKiB: 19 * 1024, passes: 2, lanes: 1 };

const SALT_BYTES = 16;
const HASH_BYTES = 32;

const runArgon2 = promisify(argon2);

/** What a check has shown. Not a boolean, so that a forgotten `await` cannot pass for a right password (A7.1). */
export type PasswordCheck =
  | {
      readonly ok: true /** The stored hash has another cost than new ones: hash again. */;
      readonly isOutdated: boolean;
    }
  | { readonly ok: false };

export interface Passwords {
  /** Argon2id hash in PHC form, with a salt of its own. */
  hash(password: string): Promise<string>;
  /** Compares with a stored hash, in the time of one hash also where there is none to compare with (A3.5). */
  check(password: string, stored: string | null | undefined): Promise<PasswordCheck>;
}

/** Refuses passwords outside the length limits (`M_WEAK_PASSWORD`, Client-Server API, "Password management"). */
export function requireGoodPassword(password: string): void {
  const length = [...password].length;
  if (length < MIN_LENGTH)
    throw new MatrixError('M_WEAK_PASSWORD', `A password must have at least ${MIN_LENGTH} characters.`, 400);
  if (length > MAX_LENGTH)
    throw new MatrixError('M_WEAK_PASSWORD', `A password may have at most ${MAX_LENGTH} characters.`, 400);
}

/**
 * Hashes passwords with argon2id, at most `parallel` at a time, because each takes a thread and `memoryKiB`. Who comes when
 * `waiting` others already wait is sent away with 429.
 */
export function createPasswords(options: { cost?: Argon2Cost; parallel?: number; waiting?: number } = {}): Passwords {
  const cost = options.cost ?? DEFAULT_COST;
  const inTurn = createTurns(options.parallel ?? 2, options.waiting ?? 100);

  const derive = (password: string, salt: BinaryLike, with_: Argon2Cost) =>
    inTurn(
      async () =>
        await runArgon2('argon2id', {
          message: Buffer.from(password, 'utf8'),
          nonce: salt as Buffer,
          parallelism: with_.lanes,
          memory: with_.memoryKiB,
          passes: with_.passes,
          tagLength: HASH_BYTES,
        }),
    );

  return {
    async hash(password) {
      const salt = randomBytes(SALT_BYTES);
      return format(cost, salt, await derive(password, salt, cost));
    },
    async check(password, stored) {
      const known = stored === null || stored === undefined ? undefined : parse(stored);
      if (known === undefined || password.length > MAX_LENGTH * 2) {
        await derive(password.slice(0, MAX_LENGTH), Buffer.alloc(SALT_BYTES), cost);
        return { ok: false };
      }
      const hash = await derive(password, known.salt, known.cost);
      if (!timingSafeEqual(hash, known.hash)) return { ok: false };
      return { ok: true, isOutdated: format(cost, known.salt, known.hash) !== stored };
    },
  };
}

function format(cost: Argon2Cost, salt: Buffer, hash: Buffer): string {
  const parameters = `m=${cost.memoryKiB},t=${cost.passes},p=${cost.lanes}`;
  return `$argon2id$v=19$${parameters}$${encodeBase64(salt)}$${encodeBase64(hash)}`;
}

function parse(stored: string): { cost: Argon2Cost; salt: Buffer; hash: Buffer } | undefined {
  const match = /^\$argon2id\$v=19\$m=(\d{1,8}),t=(\d{1,3}),p=(\d{1,3})\$([^$]+)\$([^$]+)$/.exec(stored);
  const salt = decodeBase64(match?.[4] ?? '');
  const hash = decodeBase64(match?.[5] ?? '');
  if (match === null || salt === undefined || hash?.length !== HASH_BYTES) return undefined;
  return { cost: { memoryKiB: Number(match[1]), passes: Number(match[2]), lanes: Number(match[3]) }, salt, hash };
}

/** Runs at most `parallel` jobs at once and lets at most `waiting` more wait, first come first served. */
function createTurns(parallel: number, waiting: number): <T>(job: () => Promise<T>) => Promise<T> {
  let running = 0;
  const queue: (() => void)[] = [];
  return async (job) => {
    if (running >= parallel) {
      if (queue.length >= waiting) throw limitExceeded(5_000);
      await new Promise<void>((resolve) => queue.push(resolve));
    } else running++;
    try {
      return await job();
    } finally {
      const next = queue.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
