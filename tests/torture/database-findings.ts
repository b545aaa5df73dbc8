import { verifyDatabaseOf } from '../harness/broken-rules.ts';
import type { Figure } from './scenario.ts';

/** What every database is held to in the full tier, in milliseconds: a million events take no longer. */
const LONGEST_MS = 300_000;

/** What `verify-db` finds in databases that nothing writes to. Violations must be none. */
export async function judgeDatabases(urls: readonly string[]): Promise<{ figures: Figure[]; examples: string[] }> {
  const started = performance.now();
  const examples: string[] = [];
  let events = 0;
  let violations = 0;
  for (const url of urls) {
    const found = await verifyDatabaseOf(url);
    events += found.events;
    violations += found.violations;
    examples.push(...found.broken.map((rule) => `verify-db: ${rule.name}: ${rule.examples.slice(0, 3).join(', ')}`));
  }
  return {
    examples,
    figures: [
      { name: 'what verify-db finds', value: violations, unit: 'violations', max: 0 },
      { name: 'events that verify-db looked at', value: events, unit: 'events' },
      { name: 'verify-db', value: performance.now() - started, unit: 'ms', max: LONGEST_MS, isTime: true },
    ],
  };
}
