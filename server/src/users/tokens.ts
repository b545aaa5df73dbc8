import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** What a token is for; the first characters of every token say so. */
const PREFIXES = {
  access: 'pla_',
  refresh: 'plr_',
  setup: 'pls_',
  openId: 'plo_',
  uia: 'plu_',
  nonce: 'pln_',
} as const;

export type TokenKind = keyof typeof PREFIXES;

const RANDOM_BYTES = 32;

/**
 * A new token: its prefix, then 256 random bits and a CRC-32 over prefix and bits in URL-safe Base64. The CRC turns away
 * mistyped tokens without a look into the database and makes leaked ones easy to find.
 */
export function newToken(kind: TokenKind): string {
  const random = randomBytes(RANDOM_BYTES);
  return PREFIXES[kind] + Buffer.concat([random, checksum(kind, random)]).toString('base64url');
}

/** Hash by which a token is stored; undefined when it is no token of this kind. A plain hash will do for 256 random bits. */
export function tokenHash(kind: TokenKind, token: string): Buffer | undefined {
  const prefix = PREFIXES[kind];
  if (!token.startsWith(prefix) || token.length !== prefix.length + 48) return undefined;
  const bytes = Buffer.from(token.slice(prefix.length), 'base64url');
  const random = bytes.subarray(0, RANDOM_BYTES);
  if (bytes.length !== RANDOM_BYTES + 4 || !checksum(kind, random).equals(bytes.subarray(RANDOM_BYTES)))
    return undefined;
  return hashToken(token);
}

/** Hash of a token that was just made. */
export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function checksum(kind: TokenKind, random: Buffer): Buffer {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(random, crc32(PREFIXES[kind])));
  return sum;
}
