import { readFile } from 'node:fs/promises';
import { isLocalhost, type PrivateAddresses } from '../base/address-policy.ts';
import type { Clock } from '../base/clock.ts';
import type { ServerName } from '../protocol/event.ts';
import { parseServerName } from '../protocol/identifiers.ts';
import { issueDevelopmentCertificate } from './development-ca.ts';

export interface FederationTls {
  /** PEM key and certificate of the federation listener. Undefined: there are none, and a reverse proxy must do TLS. */
  readonly listener: { readonly key: string; readonly cert: string } | undefined;
  /** What outbound requests may reach and whom they believe. */
  readonly outbound: { readonly privateAddresses: PrivateAddresses; readonly extraCa: readonly string[] };
}

/**
 * Decides about TLS with other servers. A server that is named after this machine (`localhost`, a loopback address) and has no
 * certificate gets one of the development authority, believes it, and may reach others of its kind on loopback addresses; all
 * other servers need a certificate that the world believes and reach public addresses only, unless configured.
 */
export async function federationTls(options: {
  readonly serverName: ServerName;
  readonly tlsKeyFile: string | undefined;
  readonly tlsCertFile: string | undefined;
  /** File with PEM certificates of further authorities. */
  readonly caFile: string | undefined;
  readonly allowPrivateAddresses: boolean;
  readonly developmentCaFolder: string;
  readonly clock: Clock;
}): Promise<FederationTls> {
  const { serverName, tlsKeyFile, tlsCertFile, caFile } = options;
  const host = parseServerName(serverName)?.host ?? serverName;
  const isDevelopment = isLocalhost(host);
  const privateAddresses = options.allowPrivateAddresses ? 'allow' : isDevelopment ? 'localhost' : 'refuse';
  const extraCa = caFile === undefined ? [] : [await readFile(caFile, 'utf8')];
  if (tlsKeyFile !== undefined && tlsCertFile !== undefined) {
    const [key, cert] = await Promise.all([readFile(tlsKeyFile, 'utf8'), readFile(tlsCertFile, 'utf8')]);
    return { listener: { key, cert }, outbound: { privateAddresses, extraCa } };
  }
  if (!isDevelopment) return { listener: undefined, outbound: { privateAddresses, extraCa } };
  const { key, cert, ca } = await issueDevelopmentCertificate(host, options.developmentCaFolder, options.clock);
  return { listener: { key, cert }, outbound: { privateAddresses, extraCa: [...extraCa, ca] } };
}
