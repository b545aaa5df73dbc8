import { serve } from './cli/serve.ts';
import { verifyDb } from './cli/verify-db.ts';

const [command, ...rest] = process.argv.slice(2);
process.exitCode = command === 'verify-db' ? await verifyDb(rest) : await serve(process.argv.slice(2));
