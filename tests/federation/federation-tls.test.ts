import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../server/src/base/clock.ts';
import { federationTls } from '../../server/src/federation/federation-tls.ts';
import { temporaryFolder } from './federation-scene.ts';

async function settings(serverName: string) {
  return {
    serverName,
    tlsKeyFile: undefined,
    tlsCertFile: undefined,
    caFile: undefined,
    allowPrivateAddresses: false,
    developmentCaFolder: join(await temporaryFolder(), 'ca'),
    clock: systemClock,
  };
}

test.each(['localhost', 'localhost:8449', 'a.localhost', '127.0.0.1:1', '[::1]', '[::1]:8448'])(
  'a server named %s gets a certificate and may reach localhost',
  async (serverName) => {
    const { listener, outbound } = await federationTls(await settings(serverName));
    expect(listener?.cert).toContain('BEGIN CERTIFICATE');
    expect(outbound.privateAddresses).toBe('localhost');
    expect(outbound.extraCa.length).toBe(1);
  },
);

test.each(['example.org', 'localhost.example.org', '10.0.0.1', 'notlocalhost'])(
  'A5.1 a server named %s gets no certificate and reaches public addresses only',
  async (serverName) => {
    expect(await federationTls(await settings(serverName))).toEqual({
      listener: undefined,
      outbound: { privateAddresses: 'refuse', extraCa: [] },
    });
  },
);

test('configured certificates are used as they are, and the development authority is then not believed', async () => {
  const folder = await temporaryFolder();
  const [key, cert, ca] = ['key', 'cert', 'ca'].map((name) => join(folder, name)) as [string, string, string];
  for (const file of [key, cert, ca]) await writeFile(file, `content of ${file}`);
  const tls = await federationTls({
    ...(await settings('localhost')),
    tlsKeyFile: key,
    tlsCertFile: cert,
    caFile: ca,
    allowPrivateAddresses: true,
  });
  expect(tls).toEqual({
    listener: { key: `content of ${key}`, cert: `content of ${cert}` },
    outbound: { privateAddresses: 'allow', extraCa: [`content of ${ca}`] },
  });
});
