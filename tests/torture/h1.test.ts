import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createTestDatabase } from '../harness/test-database.ts';
import { behaviours } from './hostile/all-behaviours.ts';
import { type Faced, openScene } from './hostile/scene.ts';
import { describe as describeFigure, missedFigures, percentile } from './scenario.ts';

const folder = await mkdtemp(path.join(tmpdir(), 'parley-torture-H1-'));
// Postgres may run as another user.
await chmod(folder, 0o711);
const database = await createTestDatabase();
const scene = await openScene({ folder, databaseUrl: database.url, tier: 'gate' });
const faced: Faced[] = [];

afterAll(async () => {
  await scene.close();
  await database.drop();
  await rm(folder, { recursive: true, force: true });
  const costs = faced.flatMap(({ figures }) => figures.map((figure) => `${figure.name}: ${describeFigure(figure)}`));
  const times = faced.flatMap(({ sendMs, receiveMs }) => [sendMs, receiveMs]);
  const [median, most] = [percentile(times, 0.5), Math.max(...times)].map(Math.round);
  console.log([`H1: a room sends or receives in ${median} ms (median) to ${most} ms`, ...costs].join('\n  '));
});

describe('H1: a hostile server', () => {
  for (const behaviour of behaviours)
    test(behaviour.title, async () => {
      const result = await scene.face(behaviour);
      faced.push(result);
      const missed = missedFigures({ counts: {}, examples: [], figures: result.figures }, 'gate');
      expect([...result.wrong, ...missed]).toEqual([]);
    });
});
