import { parseArgs } from 'node:util';
import { createLogger } from '../base/logger.ts';
import { createAccount } from '../homeserver/create-account.ts';
import { MatrixError } from '../protocol/errors.ts';
import { FAILED, MISCONFIGURED, OK } from './exit-codes.ts';
import { readConfig } from './read-config.ts';
import { readPassword } from './read-password.ts';

const USAGE = `Usage: node src/main.ts create-user USERNAME [--admin] [--password-file FILE] [options of the server]

The password is asked for, or read from standard input or from FILE. With the embedded database the server has to be stopped.`;

/** `create-user`: makes an account, also where registration is closed. Prints its user id. Answers the exit code. */
export async function createUser(args: readonly string[]): Promise<number> {
  const [username = '', ...rest] = args;
  if (username === '' || username.startsWith('-')) {
    console.error(USAGE);
    return ['--help', '-h'].includes(username) ? OK : MISCONFIGURED;
  }
  const { own, others } = ownOptions(rest);
  const config = await readConfig(others, () => USAGE);
  if (typeof config === 'number') return config;
  const logger = createLogger({ level: 'error', format: config.log.format });
  try {
    const password = await readPassword(own['password-file']);
    console.log(await createAccount(config, logger, { username, password, isAdmin: own.admin }));
    return OK;
  } catch (error) {
    if (!(error instanceof MatrixError)) throw error;
    console.error(error.message);
    return FAILED;
  }
}

/** Takes the options of this command out of the arguments; what is left belongs to the server. */
function ownOptions(args: readonly string[]) {
  const { values, tokens } = parseArgs({
    args: [...args],
    options: { admin: { type: 'boolean', default: false }, 'password-file': { type: 'string' } },
    strict: false,
    tokens: true,
  });
  const taken = new Set<number>();
  for (const token of tokens) {
    if (token.kind !== 'option' || !['admin', 'password-file'].includes(token.name)) continue;
    taken.add(token.index);
    if (token.name === 'password-file' && token.inlineValue === false) taken.add(token.index + 1);
  }
  const file = values['password-file'];
  return {
    own: { admin: values.admin === true, 'password-file': typeof file === 'string' ? file : undefined },
    others: args.filter((_, index) => !taken.has(index)),
  };
}
