import { type Config, ConfigError, loadConfig } from '../config.ts';
import { MISCONFIGURED, OK } from './exit-codes.ts';
import { readCommandLine } from './options.ts';

/**
 * Reads the configuration for a command. Where there is nothing to run, because help was asked for or the configuration cannot
 * be used, that is printed and the exit code answered.
 */
export async function readConfig(args: readonly string[], help: () => string): Promise<Config | number> {
  try {
    const commandLine = readCommandLine(args);
    if (commandLine !== 'help') return await loadConfig(commandLine, process.env);
    console.log(help());
    return OK;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) console.error(problem);
    return MISCONFIGURED;
  }
}
