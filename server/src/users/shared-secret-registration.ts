import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { MatrixError } from '../protocol/errors.ts';
import type { Database } from '../storage/database.ts';
import { insertOneTimeToken, takeOneTimeToken } from '../storage/one-time-tokens.ts';
import { hashToken, newToken, tokenHash } from './tokens.ts';

const NONCE_LIFETIME_MS = 60_000;

export interface SharedSecretRequest {
  readonly nonce: string;
  readonly username: string;
  readonly password: string;
  readonly admin: boolean;
  readonly userType: string | undefined;
  /** HMAC-SHA1 over the fields above, in hex. */
  readonly mac: string;
}

/** Registration by people who know a secret of the server's configuration, in the protocol that Synapse's tools speak. */
export interface SharedSecretRegistration {
  /** A nonce for one attempt within a minute. */
  newNonce(): Promise<string>;
  /** Throws when the nonce is not good (it is used up now) or the MAC is wrong. */
  verify(request: SharedSecretRequest): Promise<void>;
}

export function createSharedSecretRegistration(db: Database, secret: string, clock: Clock): SharedSecretRegistration {
  return {
    async newNonce() {
      const nonce = newToken('nonce');
      const now = clock.now();
      const expiresAt = now + NONCE_LIFETIME_MS;
      await insertOneTimeToken(db, { hash: hashToken(nonce), purpose: 'shared_secret_registration', expiresAt }, now);
      return nonce;
    },
    async verify(request) {
      const hash = tokenHash('nonce', request.nonce);
      const isGood = hash && (await takeOneTimeToken(db, hash, 'shared_secret_registration', clock.now()));
      if (isGood !== true) throw new MatrixError('M_UNKNOWN', 'The nonce is not known.', 400);
      const expected = mac(secret, request);
      const given = Buffer.from(request.mac, 'hex');
      if (given.length !== expected.length || !timingSafeEqual(given, expected))
        throw new MatrixError('M_UNKNOWN', 'The HMAC is wrong.', 403);
    },
  };
}

function mac(secret: string, request: SharedSecretRequest): Buffer {
  const fields = [request.nonce, request.username, request.password, request.admin ? 'admin' : 'notadmin'];
  if (request.userType !== undefined) fields.push(request.userType);
  return createHmac('sha1', secret).update(fields.join('\0')).digest();
}
