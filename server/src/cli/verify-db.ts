import { createLogger } from '../base/logger.ts';
import { verifyStore } from '../homeserver/verify-store.ts';
import { FAILED, OK } from './exit-codes.ts';
import { readConfig } from './read-config.ts';

const REPORT_EVERY = 50_000;

/**
 * `verify-db`: checks that the database agrees with itself and prints one line per rule. Takes the options of the server, which may
 * go on writing meanwhile. Answers the exit code: 1 when a rule is broken.
 */
export async function verifyDb(args: readonly string[]): Promise<number> {
  const config = await readConfig(args, () => 'Usage: node src/main.ts verify-db [options of the server]');
  if (typeof config === 'number') return config;
  let events = 0;
  const findings = await verifyStore(config, createLogger({ level: 'warn', format: config.log.format }), (seen) => {
    if (Math.floor(seen / REPORT_EVERY) > Math.floor(events / REPORT_EVERY)) console.log(`${seen} events …`);
    events = seen;
  });
  for (const { name, violations, examples } of findings) {
    console.log(`${violations === 0 ? 'ok  ' : 'FAIL'} ${name}${violations === 0 ? '' : `: ${violations} times`}`);
    for (const example of examples) console.log(`       ${example}`);
  }
  const broken = findings.filter((finding) => finding.violations > 0).length;
  console.log(`${events} events, ${findings.length} rules, ${broken} broken`);
  return broken === 0 ? OK : FAILED;
}
