// `npm test`: sets up what is missing, then runs the tests. Arguments go to vitest. For the Node 20 that the machine may have.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { ROOT, run, SetUpError, say, setUp, step } from '../server/set-up.mjs';
import { provideSynapse } from './provide-synapse.mjs';

const CHROMIUM_PACKAGES = ['chromium', 'fonts-liberation', 'fonts-noto-color-emoji'];

/**
 * @param {string} program
 * @param {string[]} args
 */
function works(program, ...args) {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

/** Debian's own Chromium, for the browser tests; installed where we may. The tests look for it themselves. */
async function provideChromium() {
  if (works('chromium', '--version')) return;
  const isRoot = process.getuid?.() === 0;
  if (!works('apt-get', '--version') || !(isRoot || works('sudo', '-n', 'true'))) {
    say('• There is no Chromium, and it cannot be installed from here: the browser tests are skipped.');
    say(`  To run them: apt-get install ${CHROMIUM_PACKAGES.join(' ')}`);
    return;
  }
  await step('Installing Chromium for the browser tests', async () => {
    const program = isRoot ? 'apt-get' : 'sudo';
    const prefix = isRoot ? [] : ['-n', 'apt-get'];
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    await run(program, [...prefix, 'update', '-q'], { env });
    const code = await run(program, [...prefix, 'install', '-qy', '--no-install-recommends', ...CHROMIUM_PACKAGES], {
      env,
    });
    if (code !== 0) say('  Chromium could not be installed: the browser tests are skipped.');
  });
}

try {
  const node = await setUp();
  await provideChromium();
  // Elsewhere it takes its minutes only when it is asked for, by `npm run test:interop`.
  if (process.env.CI === 'true') await provideSynapse();
  const vitest = path.join(ROOT, 'node_modules/vitest/vitest.mjs');
  process.exitCode = await run(node, [vitest, 'run', ...process.argv.slice(2)]);
} catch (error) {
  console.error(error instanceof SetUpError ? error.message : error);
  process.exitCode = 1;
}
