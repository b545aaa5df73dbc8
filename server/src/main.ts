import { createUser } from './cli/create-user.ts';
import { serve } from './cli/serve.ts';
import { verifyDb } from './cli/verify-db.ts';

const COMMANDS = new Map([
  ['serve', serve],
  ['create-user', createUser],
  ['verify-db', verifyDb],
]);

const [name = '', ...rest] = process.argv.slice(2);
const command = COMMANDS.get(name);
process.exitCode = command === undefined ? await serve(process.argv.slice(2)) : await command(rest);
