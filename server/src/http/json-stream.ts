import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';

/** Values of a list as JSON texts, batch by batch. A batch is asked for when the one before it has been taken. */
export type JsonBatches = AsyncIterable<readonly string[]>;

/** Such answers of a route that one server may be taking at a time: each holds a batch in memory. */
export const LONG_ANSWERS_AT_ONCE = 8;

/** How long a client may take, in milliseconds. */
export interface TakingLimits {
  /** Without taking anything at all. */
  readonly idleMs: number;
  readonly totalMs: number;
}

const LIMITS: TakingLimits = { idleMs: 60_000, totalMs: 10 * 60_000 };

/**
 * Answers with a JSON object some of whose values are lists that may be too long to be held in memory: each batch is written when
 * the client has taken what came before, and none is read any more once it has gone away or is too slow. The first one is read
 * before the answer begins, so that what fails by then is answered with its error; what fails later cuts the connection, by
 * which the client knows that the answer is not whole.
 *
 * @param fields the values that are no such lists
 */
export async function sendJsonStream(
  reply: FastifyReply,
  fields: object,
  lists: Readonly<Record<string, JsonBatches>>,
  { idleMs, totalMs }: TakingLimits = LIMITS,
): Promise<FastifyReply> {
  const texts = write(fields, lists);
  const first = await texts.next();
  // Nobody listens for the end of these times, so Node ends the connection.
  reply.raw.setTimeout(idleMs);
  const timer = setTimeout(() => reply.raw.destroy(), totalMs).unref();
  reply.raw.once('close', () => clearTimeout(timer));
  const body = Readable.from(continued(first.value ?? '', texts), { objectMode: false });
  return reply.type('application/json; charset=utf-8').send(body);
}

async function* continued(first: string, rest: AsyncGenerator<string, void>): AsyncGenerator<string, void> {
  yield first;
  yield* rest;
}

async function* write(fields: object, lists: Readonly<Record<string, JsonBatches>>): AsyncGenerator<string, void> {
  let text = '{';
  for (const [name, value] of Object.entries(fields)) text += `${JSON.stringify(name)}:${JSON.stringify(value)},`;
  for (const [index, [name, batches]] of Object.entries(lists).entries()) {
    text += `${index === 0 ? '' : ','}${JSON.stringify(name)}:[`;
    let isFirst = true;
    for await (const batch of batches) {
      if (batch.length === 0) continue;
      yield `${text}${isFirst ? '' : ','}${batch.join(',')}`;
      text = '';
      isFirst = false;
    }
    text += ']';
  }
  yield `${text}}`;
}
