import { parseArgs } from 'node:util';
import type { TSchema } from 'typebox';
import { ConfigError, settings } from '../config.ts';
import { type CommandLine, listSettings, nearest, variableOf } from '../config-sources.ts';

/** Options of the command line: the settings that a first start needs. The others go into a file or variables. */
const OPTIONS = ['server-name', 'port', 'federation-port', 'data', 'bind', 'config'];

/** Reads `--name value` and `--name=value`; `'help'` where help is asked for. Throws `ConfigError`. */
export function readCommandLine(args: readonly string[]): CommandLine | 'help' {
  const { values, tokens } = parseArgs({
    args: [...args],
    options: {
      ...Object.fromEntries(OPTIONS.map((name) => [name, { type: 'string' as const }])),
      help: { type: 'boolean', short: 'h' },
    },
    strict: false,
    tokens: true,
  });
  if (values.help === true) return 'help';
  const problems: string[] = [];
  for (const token of tokens) {
    // Behind an unknown option it is taken to be that option's value.
    if (token.kind === 'positional' && problems.length === 0)
      problems.push(`${token.value} is not an option. See --help.`);
    if (token.kind !== 'option') continue;
    if (!OPTIONS.includes(token.name))
      problems.push(`${token.rawName} is not an option. Did you mean --${nearest(token.name, OPTIONS)}?`);
    else if (token.value === undefined) problems.push(`${token.rawName} needs a value`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return values as CommandLine;
}

function describe(schema: TSchema): string {
  const { description = '', default: value } = schema as { description?: string; default?: unknown };
  return value === undefined || (Array.isArray(value) && value.length === 0)
    ? description
    : `${description} (${value})`;
}

/** All settings with what they mean, in the order of the schema. */
export function helpText(): string {
  const lines = listSettings(settings).map(({ key, schema, isSecret }) => {
    const option = key.replaceAll('_', '-');
    return `  ${OPTIONS.includes(option) ? `--${option}, ` : ''}${variableOf(key)}${isSecret ? '[_FILE]' : ''}\n      ${key}: ${describe(schema)}`;
  });
  return [
    'Usage: npm start -- [options]',
    '',
    'Settings come from options, then from variables, then from the YAML file of --config (or PARLEY_CONFIG),',
    'whose keys are the names before the colons.',
    '',
    ...lines,
  ].join('\n');
}
