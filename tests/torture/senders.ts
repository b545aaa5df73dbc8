import { setTimeout as delay } from 'node:timers/promises';
import type { MatrixClient, Reply } from './matrix-client.ts';
import type { OperationLog, Outcome } from './operation-log.ts';
import type { SeededRandom } from './random.ts';

export interface SendersOptions {
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
  message: { worker: string; room: string; text: string; txnId: string },
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
    await delay(random.integer(20, 200));
  }
  return false;
}

/** Starts one sender per client; each sends one message at a time, to rooms chosen at random. */
export function startSenders({ clients, rooms, log, random, perSecond }: SendersOptions): Senders {
  const intervalMs = (1000 * clients.length) / perSecond;
  let isStopping = false;
  let acknowledged = 0;

  async function send(client: MatrixClient, index: number, own: SeededRandom): Promise<void> {
    let next = performance.now() + own.next() * intervalMs;
    for (let n = 0; !isStopping; n++) {
      await delay(Math.max(0, next - performance.now()));
      // What was missed while the server was away is not caught up with: the rate is a rate of attempts.
      next = Math.max(next + intervalMs, performance.now() - intervalMs);
      const text = `sender ${index} message ${n}`;
      const message = { worker: `sender ${index}`, room: own.pick(rooms), text, txnId: `s${index}-${n}` };
      if (await sendUntilSettled(client, message, log, own)) acknowledged++;
    }
  }

  const workers = clients.map((client, index) => send(client, index, random.fork()));
  return {
    acknowledged: () => acknowledged,
    async stop() {
      isStopping = true;
      await Promise.all(workers);
    },
  };
}
