// `node tests/run-script.mjs <script.ts> […]`: sets up what is missing, then runs a TypeScript program. For the Node 20 that
// the machine may have.
import path from 'node:path';
import { ROOT, run, SetUpError, setUp } from '../server/set-up.mjs';

try {
  const node = await setUp();
  const [script = '', ...args] = process.argv.slice(2);
  process.exitCode = await run(node, [path.resolve(ROOT, script), ...args]);
} catch (error) {
  console.error(error instanceof SetUpError ? error.message : error);
  process.exitCode = 1;
}
