import { type Static, type TProperties, Type } from 'typebox';
import { isLocalhost } from './base/address-policy.ts';
import { type CommandLine, ConfigError, readSources, refusePublicFile } from './config-sources.ts';
import { isServerName, parseServerName } from './protocol/identifiers.ts';

export { ConfigError };

const MIB = 1024 * 1024;

/** An object that refuses keys it does not know. */
function group<P extends TProperties>(properties: P) {
  return Type.Object(properties, { additionalProperties: false });
}

/** A token bucket: so many requests at once, then so many a second. */
function bucket(burst: number, perSecond: number, what: string) {
  return group({
    burst: Type.Integer({ minimum: 1, default: burst, description: `${what}: at once` }),
    per_second: Type.Number({ exclusiveMinimum: 0, default: perSecond, description: `${what}: then a second` }),
  });
}

function file(description: string) {
  return Type.String({ description, minLength: 1, isFile: true });
}

function secret(description: string) {
  return Type.String({ description, minLength: 1, isSecret: true });
}

/** Every setting there is. The description is what `--help` and `server/README.md` show. */
export const settings = group({
  server_name: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 230,
      description:
        'name of this server in user ids; can never change. Default: localhost, with the federation port unless it is 8448',
    }),
  ),
  port: Type.Integer({ minimum: 0, maximum: 65535, default: 8008, description: 'HTTP: client API and web client' }),
  federation_port: Type.Integer({ minimum: 0, maximum: 65535, default: 8448, description: 'HTTPS: federation API' }),
  bind: Type.String({ minLength: 1, default: '127.0.0.1', description: 'address to listen on; 0.0.0.0 or :: for all' }),
  data: Type.String({
    minLength: 1,
    default: './data',
    isFile: true,
    description: 'folder of the database, media and keys',
  }),
  database_url: Type.Optional(secret('PostgreSQL 15 or newer to use instead of the embedded one')),
  public_baseurl: Type.Optional(
    Type.String({ pattern: '^https?://[^/]+(/.*)?$', description: 'URL under which clients reach this server' }),
  ),
  registration: Type.Optional(
    Type.Enum(['open', 'token', 'closed'], {
      description: 'who may sign up: anyone, holders of a token, nobody. Default: open on localhost, else token',
    }),
  ),
  registration_shared_secret: Type.Optional(secret('switches /_synapse/admin/v1/register on and signs its requests')),
  trusted_proxies: Type.Array(Type.String({ minLength: 2 }), {
    default: [],
    description: 'addresses or CIDR blocks whose X-Forwarded-For and X-Forwarded-Proto are believed',
  }),
  rate_limits: group({
    mode: Type.Enum(['on', 'off'], { default: 'on', description: 'rate limits as a whole; short: rate_limits: off' }),
    login: bucket(5, 0.003, 'failed sign-ins per account and address'),
    registration: bucket(5, 0.05, 'sign-ups per address'),
    message: bucket(50, 10, 'events per user'),
    join: bucket(20, 0.5, 'joins per user'),
    invite: bucket(20, 0.3, 'invites per user'),
    media: bucket(500, 50, 'uploads and downloads per user'),
    read: bucket(500, 100, 'other requests per user or address'),
    federation: bucket(1000, 200, 'requests per server'),
  }),
  federation: group({
    tls_key: Type.Optional(file('private key of the federation listener, PEM')),
    tls_cert: Type.Optional(file('certificate chain of the federation listener, PEM')),
    ca_file: Type.Optional(file('further certificate authorities that other servers may be signed by, PEM')),
    public_address: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'host and port to which /.well-known/matrix/server sends other servers',
      }),
    ),
    allow_private_addresses: Type.Boolean({
      default: false,
      description: 'whether outbound requests may reach private addresses; localhost servers always reach localhost',
    }),
    notaries: Type.Array(Type.String({ minLength: 1, maxLength: 230 }), {
      default: [],
      description: 'servers that are asked for the keys of servers that cannot be reached themselves',
    }),
    development_ca: Type.String({
      minLength: 1,
      default: './data/development-ca',
      isFile: true,
      description: 'folder of the certificate authority that servers named localhost share',
    }),
  }),
  media: group({
    max_upload_bytes: Type.Integer({ minimum: 1, default: 50 * MIB, description: 'largest upload' }),
    store: Type.Optional(
      Type.Enum(['disk', 'database'], {
        description: 'where media are kept. Default: disk with the embedded database, else database',
      }),
    ),
  }),
  log: group({
    level: Type.Enum(['error', 'warn', 'info', 'debug'], {
      default: 'info',
      description: 'least severe messages logged',
    }),
    format: Type.Enum(['text', 'json'], { default: 'text', description: 'lines for people or for machines' }),
  }),
});

/** True for names that mean this machine, with any port: good for trying Parley out, never reachable from elsewhere. */
export function isDevelopmentServerName(serverName: string): boolean {
  const parsed = parseServerName(serverName);
  return parsed !== undefined && isLocalhost(parsed.host);
}

type Settings = Static<typeof settings>;

/** The checked configuration with every default filled in. Paths are absolute. */
export type Config = Settings & {
  readonly server_name: string;
  readonly registration: 'open' | 'token' | 'closed';
  readonly media: { readonly store: 'disk' | 'database' };
};

/**
 * Reads the configuration: defaults, then the YAML file of `--config`, then `PARLEY_*` variables, then options, each
 * stronger than the one before. Throws `ConfigError` with all that is wrong.
 */
export async function loadConfig(
  commandLine: CommandLine,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Config> {
  const given = (await readSources(settings, commandLine, environment)) as Settings;
  if ((given.federation.tls_key === undefined) !== (given.federation.tls_cert === undefined))
    throw new ConfigError(['federation.tls_key and federation.tls_cert are only of use together']);
  if (given.federation.tls_key !== undefined) await refusePublicFile(given.federation.tls_key);
  const serverName =
    given.server_name ?? (given.federation_port === 8448 ? 'localhost' : `localhost:${given.federation_port}`);
  for (const name of [serverName, ...given.federation.notaries])
    if (!isServerName(name)) throw new ConfigError([`${name} is not a server name`]);
  return {
    ...given,
    server_name: serverName,
    registration: given.registration ?? (isDevelopmentServerName(serverName) ? 'open' : 'token'),
    media: { ...given.media, store: given.media.store ?? (given.database_url === undefined ? 'disk' : 'database') },
  };
}
