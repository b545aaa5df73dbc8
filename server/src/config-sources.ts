import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { TObject, TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { parseDocument } from 'yaml';
import { OperatorError } from './base/operator-error.ts';

/** What is wrong with the configuration, one sentence each. */
export class ConfigError extends OperatorError {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** Options of the command line by their name without dashes: `{ 'server-name': 'localhost' }`. */
export type CommandLine = Readonly<Record<string, string | undefined>>;

/** A single setting: where it stands in the schema, and the values it takes. */
interface Setting {
  readonly key: string;
  readonly schema: TSchema;
  readonly isFile: boolean;
  readonly isSecret: boolean;
}

interface Given {
  readonly value: unknown;
  /** How the reader of a message finds it: `--port`, `PARLEY_PORT`, `port in parley.yaml`. */
  readonly source: string;
}

interface LeafOptions {
  isFile?: boolean;
  isSecret?: boolean;
  default?: unknown;
  description?: string;
  type?: string;
  enum?: unknown[];
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
}

function options(schema: TSchema): LeafOptions {
  return schema as unknown as LeafOptions;
}

/** All settings of the schema by their dotted key, in order. */
export function listSettings(schema: TObject, prefix = ''): Setting[] {
  return Object.entries(schema.properties).flatMap(([name, property]) => {
    const key = prefix + name;
    if ('properties' in property) return listSettings(property as TObject, `${key}.`);
    const { isFile = false, isSecret = false } = options(property);
    return [{ key, schema: property, isFile, isSecret }];
  });
}

/** The variable that sets a key: `federation.tls_key` → `PARLEY_FEDERATION_TLS_KEY`. */
export function variableOf(key: string): string {
  return `PARLEY_${key.replaceAll('.', '_').toUpperCase()}`;
}

/** How many single-character changes turn `a` into `b` (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The known name that looks most like `name`. */
export function nearest(name: string, known: readonly string[]): string {
  return known.reduce((best, candidate) => (distance(name, candidate) < distance(name, best) ? candidate : best));
}

function unknown(source: string, name: string, known: readonly string[]): string {
  return `${source} is not a setting. Did you mean ${nearest(name, known)}?`;
}

/** Values of variables and options are text; a setting of another type is read from it. Text that does not fit stays text. */
function fromText(setting: Setting, text: string): unknown {
  const { type } = options(setting.schema);
  if (type === 'integer' || type === 'number') return text.trim() === '' ? text : Number(text);
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  if (type === 'array') return text === '' ? [] : text.split(',').map((item) => item.trim());
  return text;
}

function expectation(schema: TSchema): string {
  const { type, enum: values, minimum, maximum, exclusiveMinimum, maxLength, pattern } = options(schema);
  if (values !== undefined) return `one of ${values.join(', ')}`;
  if (type === 'boolean') return 'true or false';
  if (type === 'array') return 'a list of texts';
  if (type === 'integer' && maximum !== undefined) return `a whole number from ${minimum} to ${maximum}`;
  if (type === 'integer') return `a whole number of at least ${minimum}`;
  if (type === 'number') return `a number greater than ${exclusiveMinimum}`;
  if (pattern !== undefined) return 'a URL that begins with http:// or https://';
  return maxLength === undefined ? 'a text' : `a text of 1 to ${maxLength} characters`;
}

/** Walks the YAML mapping; `rate_limits: off` is short for `rate_limits: { mode: off }`. */
function flatten(value: unknown, prefix: string, groups: ReadonlySet<string>, into: Map<string, unknown>): void {
  for (const [name, inner] of Object.entries(value as Record<string, unknown>)) {
    const key = prefix + name;
    const isMapping = typeof inner === 'object' && inner !== null && !Array.isArray(inner);
    if (key === 'rate_limits' && !isMapping) into.set('rate_limits.mode', inner);
    else if (isMapping && groups.has(key)) flatten(inner, `${key}.`, groups, into);
    else if (inner !== null) into.set(key, inner);
  }
}

async function readYaml(
  file: string,
  known: ReadonlyMap<string, Setting>,
  problems: string[],
): Promise<Map<string, Given>> {
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new ConfigError([`The configuration file cannot be read: ${error.message}`]);
  });
  const document = parseDocument(text);
  if (document.errors.length > 0) throw new ConfigError(document.errors.map((error) => `${file}: ${error.message}`));
  const root: unknown = document.toJS() ?? {};
  if (typeof root !== 'object' || Array.isArray(root)) throw new ConfigError([`${file} must be a mapping of settings`]);
  const groups = new Set([...known.keys()].flatMap((key) => prefixesOf(key)));
  const values = new Map<string, unknown>();
  flatten(root, '', groups, values);
  const given = new Map<string, Given>();
  for (const [key, value] of values) {
    const setting = known.get(key);
    if (groups.has(key)) problems.push(`${key} in ${file} must be a group of settings`);
    else if (setting === undefined) problems.push(unknown(`${key} in ${file}`, key, [...known.keys(), ...groups]));
    else if (setting.isFile && typeof value === 'string')
      given.set(key, { value: path.resolve(path.dirname(file), value), source: `${key} in ${file}` });
    else given.set(key, { value, source: `${key} in ${file}` });
  }
  if ([...given.keys()].some((key) => known.get(key)?.isSecret)) await refusePublicFile(file);
  return given;
}

function prefixesOf(key: string): string[] {
  const parts = key.split('.');
  return parts.slice(0, -1).map((_, index) => parts.slice(0, index + 1).join('.'));
}

function readText(setting: Setting, text: string, source: string): Given {
  return { value: setting.isFile ? path.resolve(text) : fromText(setting, text), source };
}

function readVariables(
  environment: Readonly<Record<string, string | undefined>>,
  known: ReadonlyMap<string, Setting>,
  problems: string[],
): Map<string, Given> {
  const names = new Map([...known.values()].map((setting) => [variableOf(setting.key), setting]));
  const mode = known.get('rate_limits.mode');
  if (mode !== undefined) names.set('PARLEY_RATE_LIMITS', mode);
  const given = new Map<string, Given>();
  for (const [name, text] of Object.entries(environment)) {
    if (!name.startsWith('PARLEY_') || text === undefined || text === '') continue;
    const setting = names.get(name);
    if (setting === undefined) problems.push(unknown(`The variable ${name}`, name, [...names.keys()]));
    else given.set(setting.key, readText(setting, text, name));
  }
  return given;
}

function readOptions(commandLine: CommandLine, known: ReadonlyMap<string, Setting>): Map<string, Given> {
  const given = new Map<string, Given>();
  for (const [option, text] of Object.entries(commandLine)) {
    const setting = known.get(option.replaceAll('-', '_'));
    if (setting !== undefined && text !== undefined) given.set(setting.key, readText(setting, text, `--${option}`));
  }
  return given;
}

/** Throws when other users of the machine can read a file that holds a secret. */
export async function refusePublicFile(file: string): Promise<void> {
  const found = await stat(file).catch((error: Error) => {
    throw new ConfigError([`A file of the configuration cannot be read: ${error.message}`]);
  });
  if ((found.mode & 0o004) !== 0)
    throw new ConfigError([
      `${file} holds a secret, but every user of this machine can read it. Run: chmod o-rwx ${file}`,
    ]);
}

/** Replaces each `<secret>_file` by the secret that the file holds. */
async function readSecrets(given: Map<string, Given>, known: readonly Setting[], problems: string[]): Promise<void> {
  for (const setting of known.filter((candidate) => candidate.isSecret)) {
    const reference = given.get(`${setting.key}_file`);
    if (reference === undefined) continue;
    given.delete(`${setting.key}_file`);
    if (given.has(setting.key)) {
      problems.push(`${setting.key} is given twice: by ${given.get(setting.key)?.source} and by ${reference.source}`);
      continue;
    }
    const file = String(reference.value);
    await refusePublicFile(file);
    given.set(setting.key, { value: (await readFile(file, 'utf8')).trimEnd(), source: file });
  }
}

function place(tree: Record<string, unknown>, key: string, value: unknown): void {
  const parts = key.split('.');
  let node = tree;
  for (const part of parts.slice(0, -1)) {
    node[part] ??= {};
    node = node[part] as Record<string, unknown>;
  }
  node[parts.at(-1) as string] = value;
}

/**
 * Merges all sources and checks every value against its setting. Answers the nested object with defaults filled in; settings
 * that are absent and have no default are left out.
 */
export async function readSources(
  schema: TObject,
  commandLine: CommandLine,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Record<string, unknown>> {
  const problems: string[] = [];
  const settings = listSettings(schema);
  const known = new Map(settings.map((setting) => [setting.key, setting]));
  for (const setting of settings.filter((candidate) => candidate.isSecret)) {
    const key = `${setting.key}_file`;
    known.set(key, { key, schema: setting.schema, isFile: true, isSecret: false });
  }
  const configFile = commandLine.config ?? environment.PARLEY_CONFIG;
  const { PARLEY_CONFIG: _, ...variables } = environment;
  const given = new Map([
    ...(configFile === undefined ? [] : await readYaml(path.resolve(configFile), known, problems)),
    ...readVariables(variables, known, problems),
    ...readOptions(commandLine, known),
  ]);
  await readSecrets(given, settings, problems);

  const tree: Record<string, unknown> = {};
  for (const { key, schema: leaf, isFile } of settings) {
    place(tree, key, undefined);
    const entry = given.get(key);
    const fallback = options(leaf).default;
    if (entry === undefined) {
      if (fallback !== undefined) place(tree, key, isFile ? path.resolve(String(fallback)) : fallback);
    } else if (Check(leaf, entry.value)) place(tree, key, entry.value);
    else problems.push(`${entry.source} must be ${expectation(leaf)}`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return tree;
}
