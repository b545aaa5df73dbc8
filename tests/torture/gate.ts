import { randomInt } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { createTestDatabase } from '../harness/test-database.ts';
import { describe as describeFigure, missedFigures, type Scenario } from './scenario.ts';

/** Makes the gate size of a scenario a test. The seed is printed: a failing one can be repeated. */
export function testGate(scenario: Scenario, timeoutMs: number): void {
  const seed = Number(process.env.TORTURE_SEED ?? randomInt(2 ** 32));
  test(`${scenario.id}: ${scenario.title} (seed ${seed})`, { timeout: timeoutMs }, async () => {
    const folder = await mkdtemp(path.join(tmpdir(), `parley-torture-${scenario.id}-`));
    // Postgres runs as another user when we are root.
    await chmod(folder, 0o711);
    const databases: { drop(): Promise<void> }[] = [];
    const createDatabase = async () => {
      const database = await createTestDatabase({ migrated: false });
      databases.push(database);
      return database;
    };
    const lines: string[] = [];
    const report = (line: string) => lines.push(line);
    try {
      const findings = await scenario.run({ tier: 'gate', seed, folder, createDatabase, report });
      for (const figure of findings.figures) lines.push(`${figure.name}: ${describeFigure(figure)}`);
      console.log([`${scenario.id}, seed ${seed}`, ...lines].join('\n  '));
      expect({ missed: missedFigures(findings, 'gate'), examples: findings.examples }).toEqual({
        missed: [],
        examples: [],
      });
    } finally {
      for (const database of databases) await database.drop();
    }
    await rm(folder, { recursive: true, force: true });
  });
}
