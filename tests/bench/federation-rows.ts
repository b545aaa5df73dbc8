import { createRooms, registerClients } from '../torture/chat-rooms.ts';
import type { MatrixClient } from '../torture/matrix-client.ts';
import { percentile } from '../torture/scenario.ts';
import type { Bench } from './bench.ts';
import { measureInbound } from './inbound.ts';
import { type Bystander, type JoinSpeed, measureJoin } from './joins.ts';
import { measureReference, messagePayload } from './reference.ts';
import { limitRow, plainRow, type Row, ratioRow } from './row.ts';
import { measureSends } from './sends.ts';

const LARGE_ROOM = 10_000;
const JOINS = 3;
/** Longest that other users may wait for an answer while somebody joins a large room. */
const OTHERS_WAIT_MS = 100;

/** Speed of taking in what another server sends, beside R from before and after. */
export async function inboundRows(
  { server, databaseUrl, folder, ms, say }: Bench,
  owner: MatrixClient,
): Promise<Row[]> {
  const payload = await messagePayload(databaseUrl);
  const listener = { serverName: server.serverName, folder };
  say('transactions of 50 events from one other server, and from four');
  const before = await measureReference(databaseUrl, payload, ms / 2);
  const one = await measureInbound(listener, owner, 1, ms);
  const four = await measureInbound(listener, owner, 4, ms);
  const after = await measureReference(databaseUrl, payload, ms / 2);
  const reference = (before + after) / 2;
  return [
    { name: 'inbound, one server', value: one, unit: 'events/s', reference, ratio: one / reference },
    ratioRow({ name: 'inbound, four servers', value: four, unit: 'events/s' }, reference, { atLeast: 0.15 }),
  ];
}

/** Speed of joining a large room of another server, and how others fare while somebody does. Each time it is another room. */
async function joinRows({ server, folder, say }: Bench, joiner: MatrixClient, bystander: Bystander): Promise<Row[]> {
  say(
    `joining a room of another server with ${LARGE_ROOM} members, ${JOINS} times, and once more while others are busy`,
  );
  const at = { serverName: server.serverName, folder };
  const joins: JoinSpeed[] = [];
  for (let n = 0; n < JOINS; n++) joins.push(await measureJoin(at, joiner, LARGE_ROOM));
  const median = (of: (join: JoinSpeed) => number) => percentile(joins.map(of), 0.5);
  const speed = median(({ events, ms }) => (events * 1000) / ms);
  const { pings, sends } = await measureJoin(at, joiner, LARGE_ROOM, bystander);
  const meanwhile = 'while somebody joins, p99';
  return [
    plainRow({ name: 'join of a large room, median', value: median((join) => join.ms), unit: 'ms' }),
    { name: 'events of a large room taken in', value: speed, unit: 'events/s', target: '≥ 5000', met: speed >= 5000 },
    plainRow({ name: 'the first message after it, median', value: median((join) => join.firstSendMs), unit: 'ms' }),
    limitRow(
      { name: `a request without the database ${meanwhile}`, value: percentile(pings, 0.99), unit: 'ms' },
      OTHERS_WAIT_MS,
    ),
    limitRow(
      { name: `a send to another room ${meanwhile}`, value: percentile(sends, 0.99), unit: 'ms' },
      OTHERS_WAIT_MS,
    ),
    plainRow({ name: 'the same, at most', value: Math.max(...sends), unit: 'ms' }),
  ];
}

/** `npm run bench -- --federation`. */
export async function federationRows(bench: Bench): Promise<Row[]> {
  const [owner, joiner] = await registerClients([bench.server.url], 'user', 2);
  if (owner === undefined || joiner === undefined) throw new Error('two users are needed');
  const [room = ''] = await createRooms([owner], 1);
  bench.say('warming up');
  await measureSends(bench.server.url, [owner], [room], bench.ms / 4);
  return [...(await joinRows(bench, joiner, { client: owner, room })), ...(await inboundRows(bench, owner))];
}
