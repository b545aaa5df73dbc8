import { setTimeout as delay } from 'node:timers/promises';
import type { MatrixClient, Reply } from './matrix-client.ts';
import type { OperationLog, Outcome } from './operation-log.ts';
import type { SeededRandom } from './random.ts';

export interface SendersOptions {
  /** What the messages call their senders; no two groups of senders may have the same. */
  readonly name: string;
  readonly clients: readonly MatrixClient[];
  readonly rooms: readonly string[];
  readonly log: OperationLog;
  readonly random: SeededRandom;
  /** Messages a second that all of them together try to send. */
  readonly perSecond: number;
}

export interface Senders {
  /** How many messages have been acknowledged so far. */
  acknowledged(): number;
  /** Starts nothing new, and returns when everything that was started is settled. */
  stop(): Promise<void>;
}

interface Message {
  readonly worker: string;
  readonly room: string;
  readonly text: string;
  readonly txnId: string;
}

/** Messages that a client has under way at a time. */
const LANES = 4;
/** Share of sends that only repeat an acknowledged one. */
const REPEAT_SHARE = 0.1;
/** Longest time that a message may take to be settled, over any number of attempts and restarts. */
const SETTLE_MS = 120_000;

function classify({ status, body }: Reply): { outcome: Outcome; reason?: string } {
  if (status === 200) return { outcome: 'ok' };
  const reason = `${status} ${String(body.errcode)}`;
  // A 503 may come from a commit whose answer was lost: whether it happened is not known.
  if (status === 429) return { outcome: 'fail', reason };
  return { outcome: status >= 500 ? 'unknown' : 'fail', reason };
}

/**
 * Sends one message and repeats it with the same transaction id until it is acknowledged. Each attempt is one operation on
 * the log: its key is the room, its value the text, and the event id once there is one.
 */
async function sendUntilSettled(
  client: MatrixClient,
  message: Message,
  log: OperationLog,
  random: SeededRandom,
): Promise<boolean> {
  const { worker, room, text, txnId } = message;
  const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/send/m.room.message/${txnId}`;
  const deadline = performance.now() + SETTLE_MS;
  while (performance.now() < deadline) {
    const { answer, outcome } = await log.record(
      { worker, op: 'send', key: room, value: { text } },
      () => client.call('PUT', path, { msgtype: 'm.text', body: text }),
      (reply) => ({ ...classify(reply), value: { text, eventId: reply.body.event_id } }),
    );
    if (outcome === 'ok') return true;
    if (answer === undefined) client.moveOn();
    else if (answer.status < 500 && answer.status !== 429) return false;
    await delay(random.integer(100, 800));
  }
  return false;
}

/**
 * Starts the senders: each client sends up to four messages at a time, to rooms chosen at random, and now and then repeats
 * one that was acknowledged long ago, perhaps by a process that has died since.
 */
export function startSenders({ name, clients, rooms, log, random, perSecond }: SendersOptions): Senders {
  const intervalMs = (1000 * clients.length * LANES) / perSecond;
  let isStopping = false;
  let acknowledged = 0;

  async function send(client: MatrixClient, worker: string, own: SeededRandom): Promise<void> {
    const settled: Message[] = [];
    let next = performance.now() + own.next() * intervalMs;
    for (let n = 0; !isStopping; n++) {
      await delay(Math.max(0, next - performance.now()));
      // What was missed while the server was away is not caught up with: the rate is a rate of attempts.
      next = Math.max(next + intervalMs, performance.now() - intervalMs);
      if (settled.length > 0 && own.next() < REPEAT_SHARE) {
        await sendUntilSettled(client, own.pick(settled), log, own);
        continue;
      }
      const message = { worker, room: own.pick(rooms), text: `${worker} message ${n}`, txnId: `${worker}-${n}` };
      if (!(await sendUntilSettled(client, message, log, own))) continue;
      acknowledged++;
      settled.push(message);
    }
  }

  const workers = clients.flatMap((client, index) =>
    Array.from({ length: LANES }, (_, lane) => send(client, `${name}${index}.${lane}`, random.fork())),
  );
  return {
    acknowledged: () => acknowledged,
    async stop() {
      isStopping = true;
      await Promise.all(workers);
    },
  };
}
