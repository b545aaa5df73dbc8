import { OperatorError } from '../base/operator-error.ts';
import { createUser } from './create-user.ts';
import { FAILED } from './exit-codes.ts';
import { serve } from './serve.ts';
import { verifyDb } from './verify-db.ts';

const COMMANDS = new Map([
  ['serve', serve],
  ['create-user', createUser],
  ['verify-db', verifyDb],
]);

/** Runs the command that the first argument names; without one, the server. Answers the exit code. */
export async function runCommand(args: readonly string[]): Promise<number> {
  const [name = '', ...rest] = args;
  const command = COMMANDS.get(name);
  try {
    return command === undefined ? await serve(args) : await command(rest);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    console.error(error.message);
    return FAILED;
  }
}
