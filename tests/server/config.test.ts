import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadConfig, settings } from '../../server/src/config.ts';
import { listSettings, variableOf } from '../../server/src/config-sources.ts';

const folder = await mkdtemp(path.join(tmpdir(), 'parley-config-'));
afterAll(() => rm(folder, { recursive: true }));

async function write(name: string, text: string, mode = 0o600): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, text);
  await chmod(file, mode);
  return file;
}

describe('defaults', () => {
  test('need no configuration at all', async () => {
    const config = await loadConfig({}, {});
    expect(config).toMatchObject({
      server_name: 'localhost',
      port: 8008,
      federation_port: 8448,
      bind: '127.0.0.1',
      data: path.resolve('data'),
      registration: 'open',
      media: { max_upload_bytes: 52_428_800, store: 'disk' },
      rate_limits: { mode: 'on', login: { burst: 5, per_second: 0.003 } },
    });
  });

  test('name a second server on the machine after its federation port, so that the first can find it', async () => {
    expect((await loadConfig({ 'federation-port': '8449' }, {})).server_name).toBe('localhost:8449');
  });

  test('let only holders of a token sign up on a server with a real name', async () => {
    expect((await loadConfig({ 'server-name': 'example.org' }, {})).registration).toBe('token');
  });

  test('keep media in the database when other processes may use it too', async () => {
    expect((await loadConfig({}, { PARLEY_DATABASE_URL: 'postgresql://db/parley' })).media.store).toBe('database');
  });
});

test('server/README.md names every setting with its default', async () => {
  const readme = await readFile(new URL('../../server/README.md', import.meta.url), 'utf8');
  const rows = new Map(
    Array.from(readme.matchAll(/^\| `([\w.]+)` \| (.*?) \|/gm), ([, key = '', value = '']) => [key, value]),
  );
  for (const { key, schema } of listSettings(settings)) {
    const bucket = /^(rate_limits\.\w+)\.(burst|per_second)$/.exec(key);
    const { default: value } = schema as { default?: unknown };
    const shown = rows.get(bucket?.[1] ?? key);
    expect(shown, key).toBeDefined();
    if (bucket !== null) expect(shown, key).toContain(`${bucket[2]}: ${value}`);
    else if (value !== undefined && !Array.isArray(value)) expect(shown, key).toBe(String(value));
  }
});

/** A value of each setting that is not its default. */
const SAMPLES: Readonly<Record<string, string | number | boolean | string[]>> = {
  server_name: 'example.org',
  port: 1,
  federation_port: 2,
  bind: '::',
  data: '/srv/parley',
  database_url: 'postgresql://db/parley',
  public_baseurl: 'https://chat.example.org',
  registration: 'closed',
  registration_shared_secret: 'hush',
  trusted_proxies: ['10.0.0.1', '10.1.0.0/16'],
  'rate_limits.mode': 'off',
  'federation.tls_key': '/srv/key.pem',
  'federation.tls_cert': '/srv/cert.pem',
  'federation.ca_file': '/srv/ca.pem',
  'federation.public_address': 'federation.example.org:443',
  'federation.allow_private_addresses': true,
  'federation.notaries': ['notary.example.org', 'other.example.org'],
  'federation.development_ca': '/srv/ca',
  'media.max_upload_bytes': 7,
  'media.store': 'database',
  'log.level': 'debug',
  'log.format': 'json',
};

/** The nested form of a dotted key. */
function nested(key: string, value: unknown): object {
  return key.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as object;
}

describe('every setting', () => {
  const all = listSettings(settings).map(({ key }) => key);

  test.each(all)('%s is taken from the file and from its variable', async (key) => {
    const value = SAMPLES[key] ?? 3;
    const pem = await write('pem', 'PEM');
    // One of the two is of no use without the other.
    const pair = key.startsWith('federation.tls_') ? { tls_key: pem, tls_cert: pem } : {};
    const wanted = key === 'federation.tls_key' ? pem : value;
    const yaml = nested(key, wanted) as { federation?: object };
    if (yaml.federation !== undefined) yaml.federation = { ...pair, ...yaml.federation };
    const file = await write('every.yaml', JSON.stringify(yaml));
    const variables = { ...Object.fromEntries(Object.entries(pair).map(([name, one]) => [`federation.${name}`, one])) };
    const text = { ...variables, [key]: Array.isArray(wanted) ? wanted.join(',') : String(wanted) };
    const environment = Object.fromEntries(Object.entries(text).map(([name, one]) => [variableOf(name), one]));
    for (const config of [await loadConfig({ config: file }, {}), await loadConfig({}, environment)])
      expect(config).toMatchObject(nested(key, wanted));
  });

  test.each(listSettings(settings).filter(({ isSecret }) => isSecret))(
    '$key may be in a file of its own, named by the file or a variable',
    async ({ key }) => {
      const secret = await write('one-secret', `${SAMPLES[key]}\n`);
      const yaml = await write('one-secret.yaml', JSON.stringify({ [`${key}_file`]: 'one-secret' }));
      for (const config of [
        await loadConfig({ config: yaml }, {}),
        await loadConfig({}, { [`${variableOf(key)}_FILE`]: secret }),
      ])
        expect(config).toMatchObject({ [key]: SAMPLES[key] });
    },
  );
});

describe('sources', () => {
  test('an option beats a variable, a variable beats the file, the file beats the default', async () => {
    const file = await write('order.yaml', 'port: 1\nfederation_port: 1\nbind: one\nlog:\n  level: debug\n');
    const config = await loadConfig(
      { config: file, port: '3' },
      { PARLEY_PORT: '2', PARLEY_FEDERATION_PORT: '2', UNRELATED: 'x' },
    );
    expect(config).toMatchObject({ port: 3, federation_port: 2, bind: 'one', log: { level: 'debug' } });
  });

  test('variables reach nested settings of every type', async () => {
    const config = await loadConfig(
      {},
      {
        PARLEY_FEDERATION_ALLOW_PRIVATE_ADDRESSES: 'true',
        PARLEY_TRUSTED_PROXIES: '10.0.0.1, 10.1.0.0/16',
        PARLEY_RATE_LIMITS_LOGIN_PER_SECOND: '0.5',
        PARLEY_REGISTRATION: 'closed',
      },
    );
    expect(config.federation.allow_private_addresses).toBe(true);
    expect(config.trusted_proxies).toEqual(['10.0.0.1', '10.1.0.0/16']);
    expect(config.rate_limits.login).toEqual({ burst: 5, per_second: 0.5 });
    expect(config.registration).toBe('closed');
  });

  test('rate limits are switched off in one word, in the file and in a variable', async () => {
    const file = await write('limits.yaml', 'rate_limits: off\n');
    expect((await loadConfig({ config: file }, {})).rate_limits.mode).toBe('off');
    expect((await loadConfig({}, { PARLEY_RATE_LIMITS: 'off' })).rate_limits.mode).toBe('off');
  });

  test('paths in the file are relative to the file', async () => {
    const file = await write('paths.yaml', 'data: store\n');
    expect((await loadConfig({ config: file }, {})).data).toBe(path.join(folder, 'store'));
  });

  test('an empty file is a configuration', async () => {
    expect((await loadConfig({ config: await write('empty.yaml', '') }, {})).port).toBe(8008);
  });
});

describe('mistakes', () => {
  test('an unknown key names the nearest known one, wherever it was written', async () => {
    const file = await write('unknown.yaml', 'prot: 1\nfederation:\n  tls_kez: x\nmedia_store: disk\n');
    await expect(loadConfig({ config: file }, { PARLEY_SERVERNAME: 'x' })).rejects.toMatchObject({
      problems: [
        `prot in ${file} is not a setting. Did you mean port?`,
        `federation.tls_kez in ${file} is not a setting. Did you mean federation.tls_key?`,
        `media_store in ${file} is not a setting. Did you mean media.store?`,
        'The variable PARLEY_SERVERNAME is not a setting. Did you mean PARLEY_SERVER_NAME?',
      ],
    });
  });

  test('a group of settings is told from a setting', async () => {
    const text = 'federatoin:\n  tls_key: x\nrate_limits:\n  logn: { burst: 1 }\nmedia: 5\nlog: [level]\n';
    const file = await write('groups.yaml', text);
    await expect(loadConfig({ config: file }, {})).rejects.toMatchObject({
      problems: [
        `federatoin in ${file} is not a setting. Did you mean federation?`,
        `rate_limits.logn in ${file} is not a setting. Did you mean rate_limits.login?`,
        `media in ${file} must be a group of settings`,
        `log in ${file} must be a group of settings`,
      ],
    });
  });

  test('every wrong value is reported with its source and what it should be', async () => {
    const file = await write('wrong.yaml', 'registration: maybe\nmedia:\n  max_upload_bytes: 1.5\n');
    await expect(
      loadConfig({ config: file, port: '70000' }, { PARLEY_RATE_LIMITS_READ_BURST: 'x' }),
    ).rejects.toMatchObject({
      problems: [
        '--port must be a whole number from 0 to 65535',
        `registration in ${file} must be one of open, token, closed`,
        'PARLEY_RATE_LIMITS_READ_BURST must be a whole number of at least 1',
        `media.max_upload_bytes in ${file} must be a whole number of at least 1`,
      ],
    });
  });

  test('a file that is missing or not YAML is reported', async () => {
    await expect(loadConfig({ config: '/nowhere.yaml' }, {})).rejects.toThrow('cannot be read');
    await expect(loadConfig({ config: await write('broken.yaml', 'a: [') }, {})).rejects.toThrow('broken.yaml');
    await expect(loadConfig({ config: await write('list.yaml', '- a') }, {})).rejects.toThrow('must be a mapping');
  });

  test('a notary that is no server name is refused', async () => {
    await expect(loadConfig({}, { PARLEY_FEDERATION_NOTARIES: 'a b' })).rejects.toThrow('a b is not a server name');
  });

  test('a certificate without its key is refused', async () => {
    await expect(loadConfig({}, { PARLEY_FEDERATION_TLS_CERT: 'cert.pem' })).rejects.toThrow('only of use together');
  });
});

describe('secrets', () => {
  test('are read from the file that a variable or the configuration names', async () => {
    const file = await write('secret', 'hidden\n');
    const yaml = await write('secret.yaml', 'registration_shared_secret_file: secret\n');
    for (const config of [
      await loadConfig({}, { PARLEY_REGISTRATION_SHARED_SECRET_FILE: file }),
      await loadConfig({ config: yaml }, {}),
    ])
      expect(config.registration_shared_secret).toBe('hidden');
  });

  test('are refused from a file that every user of the machine can read', async () => {
    const file = await write('public-secret', 'hidden', 0o644);
    await expect(loadConfig({}, { PARLEY_DATABASE_URL_FILE: file })).rejects.toThrow('every user of this machine');
    const yaml = await write('public.yaml', 'registration_shared_secret: hidden', 0o644);
    await expect(loadConfig({ config: yaml }, {})).rejects.toThrow('every user of this machine');
    const key = await write('key.pem', 'key', 0o644);
    await expect(loadConfig({}, { PARLEY_FEDERATION_TLS_KEY: key, PARLEY_FEDERATION_TLS_CERT: key })).rejects.toThrow(
      'every user of this machine',
    );
  });

  test('are not accepted twice', async () => {
    const file = await write('again', 'hidden');
    await expect(
      loadConfig({}, { PARLEY_DATABASE_URL_FILE: file, PARLEY_DATABASE_URL: 'postgresql://db/parley' }),
    ).rejects.toThrow('given twice');
  });
});
