// `npm run check:code`: everything that is checked without running the program. For the Node 20 that the machine may have.
import path from 'node:path';
import { ROOT, run, SetUpError, setUp, step } from '../server/set-up.mjs';

/** @type {[what: string, program: string, ...args: string[]][]} */
const CHECKS = [
  ['Formatting, lint and layers (Biome)', '@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.'],
  ['Types of the server and the tests (tsc)', 'typescript/bin/tsc', '-p', 'tsconfig.json'],
  ['Types of protocol/ without Node and DOM (tsc)', 'typescript/bin/tsc', '-p', 'server/src/protocol/tsconfig.json'],
  ['Types of the web client (tsc)', 'typescript/bin/tsc', '-p', 'client-web/tsconfig.json'],
];

try {
  const node = await setUp();
  const failed = [];
  for (const [what, program, ...args] of CHECKS) {
    const code = await step(what, () => run(node, [path.join(ROOT, 'node_modules', program), ...args]));
    if (code !== 0) failed.push(what);
  }
  for (const what of failed) console.error(`failed: ${what}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
} catch (error) {
  console.error(error instanceof SetUpError ? error.message : error);
  process.exitCode = 1;
}
