import { createHash, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import { BlockList, isIP } from 'node:net';

/** What a certificate says. Names are those of RFC 5280; only what the development CA needs is here. */
export interface CertificateFields {
  readonly subject: string;
  readonly issuer: string;
  /** Milliseconds since 1970; written with a resolution of one second. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** P-256 key of the subject. */
  readonly publicKey: KeyObject;
  /** `authority`: may sign certificates for localhost and loopback addresses only. Otherwise the server that it is for. */
  readonly role: 'authority' | { readonly server: string };
}

const OID = {
  commonName: '55 04 03',
  ecdsaWithSha256: '2a 86 48 ce 3d 04 03 02',
  subjectKeyIdentifier: '55 1d 0e',
  keyUsage: '55 1d 0f',
  subjectAltName: '55 1d 11',
  basicConstraints: '55 1d 13',
  nameConstraints: '55 1d 1e',
  authorityKeyIdentifier: '55 1d 23',
  extendedKeyUsage: '55 1d 25',
  serverAuth: '2b 06 01 05 05 07 03 01',
} as const;

/** One DER value: tag, length, content (ITU-T X.690, 8.1). */
function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  if (content.length < 0x80) return Buffer.concat([Buffer.of(tag, content.length), content]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  const significant = length.subarray(length.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.of(tag, 0x80 | significant.length), significant, content]);
}

const sequence = (...parts: Uint8Array[]) => der(0x30, ...parts);
const oid = (hex: string) => der(0x06, Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const octets = (content: Uint8Array) => der(0x04, content);
const bitString = (content: Uint8Array, unusedBits = 0) => der(0x03, Buffer.of(unusedBits), content);
const TRUE = der(0x01, Buffer.of(0xff));

function name(commonName: string): Buffer {
  return sequence(der(0x31, sequence(oid(OID.commonName), der(0x0c, Buffer.from(commonName)))));
}

/** GeneralizedTime is only for years from 2050 on (RFC 5280, 4.1.2.5). */
function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '');
  return Number(digits.slice(0, 4)) < 2050 ? der(0x17, Buffer.from(digits.slice(2))) : der(0x18, Buffer.from(digits));
}

function extension(id: string, critical: boolean, value: Uint8Array): Buffer {
  return sequence(oid(id), ...(critical ? [TRUE] : []), octets(value));
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const loopback = new BlockList();
  loopback.addAddress('::1', 'ipv6');
  if (!loopback.check(address, 'ipv6')) throw new Error(`${address} is not a loopback address.`);
  return Buffer.concat([Buffer.alloc(15), Buffer.of(1)]);
}

/** RFC 5280, 4.2.1.10. Even if its key is stolen, the authority can vouch for nothing but this very machine. */
function localhostOnly(): Buffer {
  const dns = der(0x82, Buffer.from('localhost'));
  const ipv4 = der(0x87, Buffer.of(127, 0, 0, 0, 255, 0, 0, 0));
  const ipv6 = der(0x87, addressBytes('::1'), Buffer.alloc(16, 0xff));
  return sequence(der(0xa0, sequence(dns), sequence(ipv4), sequence(ipv6)));
}

function spki(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

function keyIdentifier(publicKey: KeyObject): Buffer {
  return createHash('sha256').update(spki(publicKey)).digest().subarray(0, 20);
}

function authorityExtensions(): Buffer[] {
  return [
    extension(OID.basicConstraints, true, sequence(TRUE, der(0x02, Buffer.of(0)))),
    extension(OID.keyUsage, true, bitString(Buffer.of(0b0000_0100), 2)), // keyCertSign
    extension(OID.nameConstraints, true, localhostOnly()),
  ];
}

function serverExtensions(server: string): Buffer[] {
  const san = isIP(server) === 0 ? der(0x82, Buffer.from(server)) : der(0x87, addressBytes(server));
  return [
    extension(OID.basicConstraints, true, sequence()),
    extension(OID.keyUsage, true, bitString(Buffer.of(0b1000_0000), 7)), // digitalSignature
    extension(OID.extendedKeyUsage, false, sequence(oid(OID.serverAuth))),
    extension(OID.subjectAltName, false, sequence(san)),
  ];
}

/** Makes an X.509 v3 certificate signed with the P-256 key `issuerKey` and answers it as PEM. */
export function signCertificate(fields: CertificateFields, issuerKey: KeyObject): string {
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const extensions = [
    extension(OID.subjectKeyIdentifier, false, octets(keyIdentifier(fields.publicKey))),
    extension(OID.authorityKeyIdentifier, false, sequence(der(0x80, keyIdentifier(createPublicKey(issuerKey))))),
    ...(fields.role === 'authority' ? authorityExtensions() : serverExtensions(fields.role.server)),
  ];
  const toBeSigned = sequence(
    der(0xa0, der(0x02, Buffer.of(2))), // v3
    // Positive and at most 20 bytes (RFC 5280, 4.1.2.2).
    der(0x02, Buffer.of(1), randomBytes(16)),
    algorithm,
    name(fields.issuer),
    sequence(time(fields.notBefore), time(fields.notAfter)),
    name(fields.subject),
    spki(fields.publicKey),
    der(0xa3, sequence(...extensions)),
  );
  const certificate = sequence(toBeSigned, algorithm, bitString(sign('sha256', toBeSigned, issuerKey)));
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
