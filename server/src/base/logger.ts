import { pino, stdSerializers } from 'pino';

/** Takes an object of named values and a message, or a message alone. Errors go under the name `err`. */
export interface Logger {
  debug: LogFunction;
  info: LogFunction;
  warn: LogFunction;
  error: LogFunction;
  fatal: LogFunction;
  /** A logger that adds these values to each of its lines. */
  child(values: object): Logger;
}

interface LogFunction {
  (values: object, message: string): void;
  (message: string): void;
}

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** Names under which secrets travel. Whoever logs an object that holds one must not publish it. */
const SECRET_NAMES = [
  'password',
  'new_password',
  'access_token',
  'refresh_token',
  'token',
  'authorization',
  'cookie',
  'secret',
  'registration_shared_secret',
  'database_url',
  'mac',
  'signing_key',
];

const LEVEL_NAMES: Readonly<Record<number, string>> = { 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' };

/** One line for people: time, level, message, values; the stack of an error below it. */
function formatLine(line: string): string {
  const { time, level, msg, err, ...values } = JSON.parse(line) as {
    time: string;
    level: number;
    msg?: string;
    err?: { stack?: string; message?: string };
  };
  const name = LEVEL_NAMES[level] ?? 'info';
  const rest = Object.entries(values).map(
    ([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const stack = err === undefined ? '' : `\n${err.stack ?? err.message}`;
  return `${time.slice(11, 23)} ${name.padEnd(5)} ${msg ?? ''}${rest.join('')}${stack}\n`;
}

/**
 * Logs to standard output. Never pass bodies, tokens, query strings or message texts; fields with the name of a secret are
 * blanked as a second line of defence. Synchronous, so that the last line before a crash is seen.
 */
export function createLogger(options: { level: LogLevel; format: 'text' | 'json' }): Logger {
  const settings = {
    level: options.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: stdSerializers.err },
    redact: { paths: SECRET_NAMES.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '[secret]' },
  };
  if (options.format === 'json') return pino(settings, pino.destination({ dest: 1, sync: true }));
  return pino(settings, { write: (line: string) => void process.stdout.write(formatLine(line)) });
}
