import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../server/src/base/clock.ts';
import { signCertificate } from '../../server/src/federation/certificate.ts';
import { issueDevelopmentCertificate } from '../../server/src/federation/development-ca.ts';
import { testOutbound } from '../base/loopback-server.ts';

async function emptyFolder(): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'parley-ca-'));
  onTestFinished(() => rm(parent, { recursive: true, force: true }));
  return join(parent, 'development-ca');
}

test('servers that start at the same moment get certificates of one authority', async () => {
  const folder = await emptyFolder();
  const hosts = ['localhost', '127.0.0.1', '::1', 'a.localhost', 'b.localhost', 'localhost', 'localhost', 'localhost'];
  const issued = await Promise.all(hosts.map((host) => issueDevelopmentCertificate(host, folder, systemClock)));
  expect(new Set(issued.map(({ ca }) => ca)).size).toBe(1);
  const authority = new X509Certificate(issued[0]?.ca ?? '');
  for (const [i, { cert }] of issued.entries()) {
    const certificate = new X509Certificate(cert);
    expect(certificate.verify(authority.publicKey)).toBe(true);
    expect(certificate.checkIssued(authority)).toBe(true);
    const host = hosts[i] ?? '';
    expect(host.includes('l') ? certificate.checkHost(host) : certificate.checkIP(host)).toBe(host);
  }
  expect(await readdir(folder)).toEqual(['ca.pem']);
});

test('the key of the authority is private, and one that others can read is refused', async () => {
  const folder = await emptyFolder();
  await issueDevelopmentCertificate('localhost', folder, systemClock);
  expect((await stat(join(folder, 'ca.pem'))).mode & 0o777).toBe(0o600);
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
  await chmod(join(folder, 'ca.pem'), 0o644);
  await expect(issueDevelopmentCertificate('localhost', folder, systemClock)).rejects.toThrow(/not private/);
});

test('it issues certificates for this machine only', async () => {
  const folder = await emptyFolder();
  for (const host of ['example.org', 'localhost.example.org', 'notlocalhost', '10.0.0.1', '::ffff:127.0.0.1'])
    await expect(issueDevelopmentCertificate(host, folder, systemClock)).rejects.toThrow(/issues no certificates/);
});

test('a certificate for another name is not believed even when it is signed with its key', async () => {
  const folder = await emptyFolder();
  const { ca } = await issueDevelopmentCertificate('localhost', folder, systemClock);
  const stolen = createPrivateKey(await readFile(join(folder, 'ca.pem'), 'utf8'));
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const cert = signCertificate(
    {
      subject: 'x',
      issuer: 'Parley development CA (localhost only)',
      notBefore: Date.now() - 1000,
      notAfter: Date.now() + 60_000,
      publicKey: createPublicKey(key),
      role: { server: 'example.org' },
    },
    stolen,
  );
  const server = createServer({ key: key.export({ type: 'pkcs8', format: 'pem' }), cert });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const names = { addresses: async () => ['127.0.0.1'], services: async () => [] };
  const http = await testOutbound({ privateAddresses: 'allow', extraCa: [ca], names });
  const to = `https://example.org:${(server.address() as AddressInfo).port}/`;
  const error = await http.request({ to, maxBytes: 1, deadlineMs: 60_000 }).catch((thrown: Error) => thrown);
  expect(error).toMatchObject({ kind: 'certificate', message: expect.stringMatching(/permitted subtree/) });
});

test('an authority that will soon expire is replaced', async () => {
  const folder = await emptyFolder();
  const before = await issueDevelopmentCertificate('localhost', folder, systemClock);
  const years = { now: () => Date.now() + 9.5 * 365 * 86_400_000, monotonic: () => 0 };
  const after = await issueDevelopmentCertificate('localhost', folder, years);
  expect(after.ca).not.toBe(before.ca);
});
