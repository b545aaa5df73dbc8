/**
 * `npm run torture -- <id> [--gate] [--seed <number>]`: runs a scenario in its full size and keeps the result; `--gate` runs
 * the size that every run of the tests uses. Without an id it lists what there is.
 */
import { randomInt } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openDatabase } from '../../server/src/storage/database.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../server/src/storage/embedded-postgres.ts';
import { databaseUrl } from '../harness/database-url.ts';
import { writeResult } from './results.ts';
import { describe, missedFigures, type Scenario } from './scenario.ts';
import { scenarios } from './scenarios.ts';

async function runScenario(scenario: Scenario, tier: 'gate' | 'full', seed: number): Promise<boolean> {
  const folder = await mkdtemp(path.join(tmpdir(), `parley-torture-${scenario.id}-`));
  // Postgres runs as another user when we are root.
  await chmod(folder, 0o711);
  const startedAt = new Date();
  const started = performance.now();
  const report = (line: string) =>
    console.log(`${((performance.now() - started) / 1000).toFixed(1).padStart(7)} s  ${line}`);
  let postgres: EmbeddedPostgres | undefined;
  const createDatabase = async () => {
    postgres ??= await startEmbeddedPostgres({ folder: path.join(folder, 'scratch-postgres'), report });
    const name = `torture_${randomInt(2 ** 40)}`;
    const server = openDatabase({ connection: postgres.url, poolSize: 1 });
    await server.query(`CREATE DATABASE ${name}`);
    await server.close();
    return { url: databaseUrl(postgres.url, name) };
  };

  console.log(`${scenario.id}: ${scenario.title}\ntier ${tier}, seed ${seed}, files in ${folder}`);
  try {
    const findings = await scenario.run({ tier, seed, folder, createDatabase, report });
    const missed = missedFigures(findings, tier);
    for (const [operation, outcomes] of Object.entries(findings.counts))
      console.log(`  ${operation}: ${outcomes.ok} ok, ${outcomes.fail} failed, ${outcomes.unknown} unknown`);
    for (const figure of findings.figures) console.log(`  ${figure.name}: ${describe(figure)}`);
    for (const example of findings.examples) console.log(`  ! ${example}`);
    console.log(missed.length === 0 ? `${scenario.id} passed` : `${scenario.id} missed: ${missed.join('; ')}`);
    if (tier === 'full') {
      const durationMs = performance.now() - started;
      console.log(`kept in ${await writeResult({ scenario, tier, seed, startedAt, durationMs, findings })}`);
    }
    if (missed.length === 0) await rm(folder, { recursive: true, force: true });
    return missed.length === 0;
  } finally {
    await postgres?.stop();
  }
}

const { values, positionals } = parseArgs({
  options: { gate: { type: 'boolean' }, seed: { type: 'string' } },
  allowPositionals: true,
});
const wanted = positionals.map((name) => name.toUpperCase());
const chosen = scenarios.filter(({ id }) => wanted.some((name) => name === id || name === `C-${id[0]}`));
if (chosen.length === 0) {
  console.log('npm run torture -- <id> [--gate] [--seed <number>]\n');
  for (const { id, title } of scenarios) console.log(`  ${id.padEnd(4)} ${title}`);
  process.exitCode = 2;
}
for (const scenario of chosen) {
  const seed = Number(values.seed ?? randomInt(2 ** 32));
  if (!(await runScenario(scenario, values.gate === true ? 'gate' : 'full', seed))) process.exitCode = 1;
}
