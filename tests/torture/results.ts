import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg, totalmem } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findPostgresBinaries } from '../../server/src/storage/postgres-binaries.ts';
import { type Findings, missedFigures, type Scenario, type Tier } from './scenario.ts';

export const RESULTS_FOLDER = fileURLToPath(new URL('../results/', import.meta.url));

export interface Run {
  readonly scenario: Scenario;
  readonly tier: Tier;
  readonly seed: number;
  readonly startedAt: Date;
  readonly durationMs: number;
  readonly findings: Findings;
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

/** `18.4`. */
async function postgresVersion(): Promise<string> {
  const program = path.join(await findPostgresBinaries({}), 'bin/postgres');
  return /\d+(\.\d+)?/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[0] ?? 'unknown';
}

/** What a result says about where it comes from; the same for every kind of measurement. */
export async function surroundings() {
  return {
    commit: commit(),
    cores: availableParallelism(),
    memory_mib: Math.round(totalmem() / 1024 / 1024),
    node: process.versions.node,
    postgres: await postgresVersion(),
    load_average: loadavg().map((load) => Math.round(load * 10) / 10),
  };
}

/** Keeps the result of a run of the full tier as `tests/results/<id>.json`, missed figures included. */
export async function writeResult(run: Run): Promise<string> {
  const { scenario, tier, seed, startedAt, durationMs, findings } = run;
  const file = path.join(RESULTS_FOLDER, `${scenario.id}.json`);
  const result = {
    id: scenario.id,
    title: scenario.title,
    tier,
    date: startedAt.toISOString(),
    ...(await surroundings()),
    seed,
    duration_s: Math.round(durationMs / 1000),
    operations: findings.counts,
    figures: findings.figures.map(({ isTime, ...figure }) => ({ ...figure, ...(isTime ? { is_time: true } : {}) })),
    missed: missedFigures(findings, tier),
    verdict: missedFigures(findings, tier).length === 0 ? 'passed' : 'missed',
  };
  await mkdir(RESULTS_FOLDER, { recursive: true });
  await writeFile(file, `${JSON.stringify(result, null, 2)}\n`);
  return file;
}
