import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openDatabase } from '../../../server/src/storage/database.ts';
import { startChat } from '../chat-load.ts';
import { judgeDatabases } from '../database-findings.ts';
import { findEmbeddedDatabase, killDatabase, stopLeftBehindDatabase } from '../embedded-database.ts';
import type { MatrixClient, Reply } from '../matrix-client.ts';
import { createOperationLog } from '../operation-log.ts';
import { seededRandom } from '../random.ts';
import type { Findings, Scenario, ScenarioOptions } from '../scenario.ts';
import { createServerProcess, type ServerProcess } from '../server-process.ts';

const PER_SECOND = 150;
const KILLS = { gate: 5, full: 50 };
const POLL_MS = 20;

/** What the server says of itself while its database is away and after. */
interface Outage {
  /** From the moment that Postgres accepted connections to the first good answer, in milliseconds. */
  readonly backAfterMs: number;
  /** Answers in between that were neither good nor a proper 503. */
  readonly wrong: string[];
}

function isProper503({ status, body, headers }: Reply): boolean {
  return status === 503 && typeof body.errcode === 'string' && Number(headers['retry-after']) > 0;
}

async function acceptsConnections(data: string): Promise<boolean> {
  try {
    const db = openDatabase({ connection: (await findEmbeddedDatabase(data)).url, poolSize: 1 });
    await db.query('SELECT 1').finally(() => db.close());
    return true;
  } catch {
    return false; // Not yet: the files are not there, or nobody listens.
  }
}

async function killOnce(server: ServerProcess, data: string, client: MatrixClient): Promise<Outage> {
  await killDatabase(data);
  const wrong: string[] = [];
  let accepts: number | undefined;
  const watching = (async () => {
    while (!(await acceptsConnections(data))) await delay(POLL_MS);
    accepts = performance.now();
  })();
  for (;;) {
    const reply = await client.call('GET', '/_matrix/client/v3/account/whoami').catch(() => undefined);
    if (reply?.status === 200 && accepts !== undefined) {
      await watching;
      return { backAfterMs: Math.max(0, performance.now() - accepts), wrong };
    }
    if (!server.isRunning) throw new Error('the server has ended with its database');
    // No answer in a minute says more about the machine; one that never comes ends the run.
    if (reply !== undefined && reply.status !== 200 && !isProper503(reply))
      wrong.push(`${reply.status} ${JSON.stringify(reply.body)}`);
    await delay(POLL_MS);
  }
}

async function run({ folder, seed, tier, report }: ScenarioOptions): Promise<Findings> {
  const random = seededRandom(seed + 1);
  const server = await createServerProcess({ folder });
  const data = path.join(folder, 'data');
  const log = createOperationLog(path.join(folder, 'operations.jsonl'));
  try {
    await server.start();
    const pid = server.pid();
    const chat = await startChat({ urls: [server.url], log, random: seededRandom(seed), perSecond: PER_SECOND });
    const outages: Outage[] = [];
    for (let kill = 1; kill <= KILLS[tier]; kill++) {
      await delay(random.integer(500, 3000));
      const outage = await killOnce(server, data, chat.probe);
      outages.push(outage);
      report(`kill ${kill} of ${KILLS[tier]}, serving ${Math.round(outage.backAfterMs)} ms after Postgres`);
    }
    const { figures, examples } = await chat.finish();
    const database = await judgeDatabases([(await findEmbeddedDatabase(data)).url]);
    const wrong = outages.flatMap((outage) => outage.wrong);
    const hasLived = server.isRunning && server.pid() === pid;
    await server.stop();
    const longest = Math.max(...outages.map((outage) => outage.backAfterMs));
    return {
      counts: log.counts(),
      figures: [
        ...figures,
        ...database.figures,
        { name: 'kills of Postgres', value: outages.length, unit: 'kills', min: KILLS[tier] },
        { name: 'ends of the server process', value: hasLived ? 0 : 1, unit: 'ends', max: 0 },
        { name: 'answers that were no proper 503', value: wrong.length, unit: 'answers', max: 0 },
        { name: 'from Postgres accepting to serving, longest', value: longest, unit: 'ms', max: 5000, isTime: true },
      ],
      examples: [...examples, ...database.examples, ...wrong.slice(0, 3)],
    };
  } finally {
    if (server.isRunning) await server.kill();
    await stopLeftBehindDatabase(data);
    await log.close();
  }
}

export const d2: Scenario = {
  id: 'D2',
  title: 'kill -9 of all of Postgres under load: the server stays up, says 503, and loses nothing',
  run,
};
