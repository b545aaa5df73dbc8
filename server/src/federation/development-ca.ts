import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isLocalhost } from '../base/address-policy.ts';
import type { Clock } from '../base/clock.ts';
import { OperatorError } from '../base/operator-error.ts';
import { createPrivateFile, readPrivateFile } from '../base/private-file.ts';
import { signCertificate } from './certificate.ts';

const DAY = 86_400_000;
const AUTHORITY_LIFETIME = 3650 * DAY;
/** A certificate is made at each start, so it lasts as long as a development server may run. */
const CERTIFICATE_LIFETIME = 365 * DAY;
const AUTHORITY = 'Parley development CA (localhost only)';

/** A PEM private key and a PEM certificate, and the PEM certificate of the authority that issued it. */
export interface IssuedCertificate {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

interface Authority {
  readonly key: KeyObject;
  readonly certificate: X509Certificate;
}

function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

function pem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** The authority as it is stored: its private key, then its certificate. */
function createAuthority(now: number): string {
  const key = newKey();
  const certificate = signCertificate(
    {
      subject: AUTHORITY,
      issuer: AUTHORITY,
      notBefore: now - DAY,
      notAfter: now + AUTHORITY_LIFETIME,
      publicKey: createPublicKey(key),
      role: 'authority',
    },
    key,
  );
  return pem(key) + certificate;
}

function parseAuthority(stored: string): Authority {
  const certificate = stored.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/)?.[0];
  if (certificate === undefined)
    throw new OperatorError('The file of the development CA is damaged. Remove it to get a new one.');
  return { key: createPrivateKey(stored), certificate: new X509Certificate(certificate) };
}

/** The authority in `folder`, made when it is missing or will soon expire. Safe when several processes start at once. */
async function loadAuthority(folder: string, clock: Clock): Promise<Authority> {
  const path = join(folder, 'ca.pem');
  const stored = await readPrivateFile(path);
  if (stored !== undefined) {
    const authority = parseAuthority(stored);
    if (authority.certificate.validToDate.getTime() > clock.now() + CERTIFICATE_LIFETIME) return authority;
    await rm(path, { force: true });
  }
  return parseAuthority(await createPrivateFile(path, createAuthority(clock.now())));
}

/**
 * Issues a certificate for `host`, a host name or IP literal that means this machine, from the authority in `folder`.
 * Parley servers on the machine trust it when they use the same folder. Nothing else does: the authority is never installed
 * in the operating system or in a browser.
 */
export async function issueDevelopmentCertificate(
  host: string,
  folder: string,
  clock: Clock,
): Promise<IssuedCertificate> {
  if (!isLocalhost(host)) throw new Error(`The development CA issues no certificates for ${host}.`);
  const authority = await loadAuthority(folder, clock);
  const key = newKey();
  const cert = signCertificate(
    {
      subject: 'Parley development server',
      issuer: AUTHORITY,
      notBefore: clock.now() - DAY,
      notAfter: clock.now() + CERTIFICATE_LIFETIME,
      publicKey: createPublicKey(key),
      role: { server: host },
    },
    authority.key,
  );
  return { key: pem(key), cert, ca: authority.certificate.toString() };
}
