import { behaviours } from '../hostile/all-behaviours.ts';
import { openScene } from '../hostile/scene.ts';
import { type Figure, type Findings, percentile, type Scenario, type ScenarioOptions } from '../scenario.ts';

/** A room has to send and to receive within this time, whatever was done to it before. */
const ALIVE_MS = 1_000;

async function run({ folder, tier, createDatabase, report }: ScenarioOptions): Promise<Findings> {
  const { url } = await createDatabase();
  const scene = await openScene({ folder, databaseUrl: url, tier });
  const times: number[] = [];
  const costs: Figure[] = [];
  const examples: string[] = [];
  let fine = 0;
  let most = 0;
  try {
    for (const behaviour of behaviours) {
      const started = performance.now();
      const { wrong, violations, sendMs, receiveMs, figures } = await scene.face(behaviour);
      times.push(sendMs, receiveMs);
      costs.push(...figures);
      most = Math.max(most, violations);
      if (wrong.length === 0) fine++;
      else examples.push(`${behaviour.title}: ${wrong.join('; ')}`);
      const answered = `${Math.round(sendMs)} and ${Math.round(receiveMs)} ms`;
      report(`${Math.round(performance.now() - started)} ms, then ${answered}: ${behaviour.title}`);
    }
  } finally {
    await scene.close();
  }
  const time = { unit: 'ms', isTime: true } as const;
  return {
    counts: { behaviour: { ok: fine, fail: behaviours.length - fine, unknown: 0 } },
    figures: [
      { name: 'behaviours faced', value: fine, unit: 'behaviours', min: behaviours.length },
      { name: 'what verify-db finds after any of them', value: most, unit: 'violations', max: 0 },
      { name: 'a room sends or receives, median', value: percentile(times, 0.5), ...time },
      { name: 'a room sends or receives, at most', value: Math.max(...times), max: ALIVE_MS, ...time },
      ...costs,
    ],
    examples,
  };
}

export const h1: Scenario = {
  id: 'H1',
  title: 'a hostile server with real keys: after everything it does, rooms send and receive and the database is sound',
  run,
};
