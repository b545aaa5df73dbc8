import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startChat, syncToken } from '../chat-load.ts';
import { judgeDatabases } from '../database-findings.ts';
import { findEmbeddedDatabase, stopLeftBehindDatabase } from '../embedded-database.ts';
import type { MatrixClient } from '../matrix-client.ts';
import { createOperationLog } from '../operation-log.ts';
import { seededRandom } from '../random.ts';
import { type Findings, percentile, type Scenario, type ScenarioOptions } from '../scenario.ts';
import { createServerProcess, type ServerProcess } from '../server-process.ts';

const PER_SECOND = 150;
const KILLS = { gate: 20, full: 200 };
/** How long the server may run between two kills, in milliseconds. */
const MIN_LIFE_MS = 300;
const MAX_LIFE_MS = 3000;

/** Milliseconds from now to the first good answer of an incremental sync. */
export async function untilFirstSync(client: MatrixClient, since: string): Promise<number> {
  const started = performance.now();
  for (;;) {
    const path = `/_matrix/client/v3/sync?timeout=0&since=${encodeURIComponent(since)}`;
    const reply = await client.call('GET', path).catch(() => undefined);
    if (reply?.status === 200) return performance.now() - started;
    await delay(10);
  }
}

/** Kills and restarts the server at random moments. Answers how long each start took until the first good sync. */
async function disturb(
  server: ServerProcess,
  probe: MatrixClient,
  { tier, seed, report }: ScenarioOptions,
): Promise<number[]> {
  const random = seededRandom(seed + 1);
  const since = await syncToken(probe);
  const recoveries: number[] = [];
  for (let kill = 1; kill <= KILLS[tier]; kill++) {
    await delay(random.integer(MIN_LIFE_MS, MAX_LIFE_MS));
    await server.kill();
    const startMs = await server.start();
    recoveries.push(startMs + (await untilFirstSync(probe, since)));
    report(`kill ${kill} of ${KILLS[tier]}, syncing again after ${Math.round(recoveries.at(-1) ?? 0)} ms`);
  }
  return recoveries;
}

async function run(options: ScenarioOptions): Promise<Findings> {
  const { folder, seed } = options;
  const server = await createServerProcess({ folder });
  const data = path.join(folder, 'data');
  const log = createOperationLog(path.join(folder, 'operations.jsonl'));
  try {
    await server.start();
    await server.stop();
    const calmMs = await server.start();
    const chat = await startChat({ urls: [server.url], log, random: seededRandom(seed), perSecond: PER_SECOND });
    const recoveries = await disturb(server, chat.probe, options);
    const { figures, examples } = await chat.finish();
    const database = await judgeDatabases([(await findEmbeddedDatabase(data)).url]);
    await server.stop();
    const recovery = percentile(recoveries, 0.95);
    return {
      counts: log.counts(),
      figures: [
        ...figures,
        ...database.figures,
        { name: 'kills', value: recoveries.length, unit: 'kills', min: KILLS[options.tier] },
        {
          name: 'from start to first good sync, p95',
          value: recovery,
          unit: 'ms',
          max: 3000,
          isTime: true,
          reference: { name: 'a start in good order and without load', value: calmMs },
        },
      ],
      examples: [...examples, ...database.examples],
    };
  } finally {
    if (server.isRunning) await server.kill();
    await stopLeftBehindDatabase(data);
    await log.close();
  }
}

export const d1: Scenario = {
  id: 'D1',
  title: 'kill -9 of the homeserver under load loses, doubles and skips nothing',
  run,
};
