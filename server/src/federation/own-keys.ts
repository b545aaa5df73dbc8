import { randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { OperatorError } from '../base/operator-error.ts';
import { createPrivateFile, readPrivateFile } from '../base/private-file.ts';
import type { ServerName } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import { newSigningKeySeed, type SigningKey, signingKeyFromSeed, signJson, verifyJson } from '../protocol/signing.ts';
import { decodeBase64, encodeBase64 } from '../protocol/unpadded-base64.ts';
import type { Database } from '../storage/database.ts';
import { type OwnSigningKeyRow, readOwnSigningKeys, useOwnSigningKey } from '../storage/own-signing-keys.ts';
import type { KeysOfServer } from './key-fetcher.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** How long others may go on with what we publish before they have to ask again. */
const PUBLISHED_VALIDITY_MS = DAY;
/** A key that no process has used for this long is old. */
const OLD_AFTER_MS = 30 * DAY;
/** How often a running process says that it still uses its key. */
const USE_INTERVAL_MS = HOUR;
const CACHE_MS = 1_000;

/** The signing keys of this server: the one that this process signs with, and the public halves of all others. */
export interface OwnKeys {
  readonly serverName: ServerName;
  readonly current: SigningKey;
  /** The signed answer to `GET /_matrix/key/v2/server`. */
  published(): Promise<JsonObject>;
  /** The public keys that are or were in use. */
  all(): Promise<KeysOfServer>;
  stop(): void;
}

/**
 * Reads the signing key in the file, or makes one there with mode 0600. The file has one line, `ed25519 <version> <seed in
 * unpadded Base64>`, which is also the form that other homeservers keep theirs in. Proves that the key works (A1.17).
 */
export async function loadSigningKey(path: string): Promise<SigningKey> {
  const stored = (await readPrivateFile(path)) ?? (await createPrivateFile(path, newSigningKey()));
  const [algorithm, version, encodedSeed, ...rest] = stored.trim().split(/\s+/);
  const seed = encodedSeed === undefined ? undefined : decodeBase64(encodedSeed);
  if (algorithm !== 'ed25519' || version === undefined || seed === undefined || rest.length > 0)
    throw new OperatorError(
      `${path} does not hold one line "ed25519 <version> <seed>". Restore it, or remove it to get a new signing key.`,
    );
  const key = signingKeyFromSeed(version, seed);
  const signed = signJson({ check: randomBytes(16).toString('hex') }, 'self.check', key);
  if (!verifyJson(signed, 'self.check', () => key.publicKey).ok)
    throw new Error(`The signing key in ${path} does not verify what it signs.`);
  return key;
}

function newSigningKey(): string {
  return `ed25519 a_${randomBytes(4).toString('hex')} ${encodeBase64(newSigningKeySeed())}\n`;
}

/** Takes the key of this process into use. Refuses one whose id belongs to another key of this server already. */
export async function openOwnKeys(options: {
  readonly db: Database;
  readonly serverName: ServerName;
  readonly signingKey: SigningKey;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}): Promise<OwnKeys> {
  const { db, serverName, signingKey, clock, onError } = options;
  let rows: readonly OwnSigningKeyRow[] = [];
  let rowsReadAt = Number.NEGATIVE_INFINITY;

  async function use(): Promise<void> {
    if (!(await useOwnSigningKey(db, signingKey, clock.now())))
      throw new OperatorError(
        `Another signing key of this server has the id ${signingKey.keyId} already. Remove the file signing.key to get a new one.`,
      );
  }
  await use();
  const timer = setInterval(() => void use().catch(onError), USE_INTERVAL_MS);
  timer.unref();

  async function readRows(): Promise<readonly OwnSigningKeyRow[]> {
    if (clock.monotonic() - rowsReadAt >= CACHE_MS) {
      rows = await readOwnSigningKeys(db);
      rowsReadAt = clock.monotonic();
    }
    return rows;
  }

  const isOld = (row: OwnSigningKeyRow) =>
    row.keyId !== signingKey.keyId && row.lastUsedAt + OLD_AFTER_MS < clock.now();
  const expiry = (row: OwnSigningKeyRow) => row.lastUsedAt + USE_INTERVAL_MS;

  return {
    serverName,
    current: signingKey,
    async published() {
      const keys = await readRows();
      const object = {
        server_name: serverName,
        valid_until_ts: clock.now() + PUBLISHED_VALIDITY_MS,
        verify_keys: Object.fromEntries(
          keys.filter((row) => !isOld(row)).map((row) => [row.keyId, { key: row.publicKey }]),
        ),
        old_verify_keys: Object.fromEntries(
          keys.filter(isOld).map((row) => [row.keyId, { key: row.publicKey, expired_ts: expiry(row) }]),
        ),
      };
      return signJson(object, serverName, signingKey);
    },
    async all() {
      const latest = clock.now() + PUBLISHED_VALIDITY_MS;
      return new Map(
        (await readRows()).map((row) => [
          row.keyId,
          { publicKey: row.publicKey, validUntil: isOld(row) ? expiry(row) : latest, fromOrigin: true },
        ]),
      );
    },
    stop: () => clearInterval(timer),
  };
}
