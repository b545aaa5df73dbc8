import { expectOk, type MatrixClient } from '../torture/matrix-client.ts';
import { percentile } from '../torture/scenario.ts';
import { deliver, type SharedRoom, setTopic } from './grown-room.ts';
import { plainRow, type Row, ratioRow } from './row.ts';
import { send } from './sends.ts';

const TIMES = 15;
const FEW = 5;
/** Events of one transaction. */
const TOGETHER = 50;
/** Branches that another server leaves open. */
const BRANCHES = 10;

const LAZY = JSON.stringify({ room: { timeline: { limit: 20 }, state: { lazy_load_members: true } } });

/** Median time of some work, in milliseconds. @param before what precedes each time and does not count */
async function median(
  count: number,
  work: (n: number) => Promise<unknown>,
  before: (name: string) => Promise<unknown> = async () => {},
): Promise<number> {
  const taken: number[] = [];
  for (let n = 0; n < count; n++) {
    await before(`time ${n}`);
    const started = performance.now();
    await work(n);
    taken.push(performance.now() - started);
  }
  return percentile(taken, 0.5);
}

/** What a user does in a room, in milliseconds. */
async function measureUse({ client, room }: Use): Promise<Map<string, number>> {
  const at = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}`;
  const member = `${at}/state/m.room.member/${encodeURIComponent(client.userId)}`;
  const filter = `filter=${encodeURIComponent(LAZY)}`;
  const get = (path: string) => expectOk(client.call('GET', path));
  const sync = (query: string) => get(`/_matrix/client/v3/sync?timeout=0&${query}`);
  const rename = (name: string) =>
    expectOk(client.call('PUT', member, { membership: 'join', displayname: `${name}, once more` }));
  await send(client, room, 'warming up');
  let since = String((await sync(filter)).next_batch);
  const follow = async () => {
    since = String((await sync(`since=${since}&${filter}`)).next_batch);
  };
  const measured: [
    name: string,
    count: number,
    work: (n: number) => Promise<unknown>,
    before?: (name: string) => Promise<unknown>,
  ][] = [
    ['a message', TIMES, () => send(client, room, 'hello')],
    ['a change of membership', TIMES, (n) => rename(`${n}`)],
    ['initial sync, members lazily', TIMES, () => sync(filter)],
    ['initial sync, all members', FEW, () => sync('')],
    ['incremental sync after a message', TIMES, follow, () => send(client, room, 'hello')],
    ['incremental sync after a change of membership', TIMES, follow, rename],
    ['members', FEW, () => get(`${at}/members`)],
    ['joined members', FEW, () => get(`${at}/joined_members`)],
    ['a page of messages', TIMES, () => get(`${at}/messages?dir=b&limit=20`)],
  ];
  const found = new Map<string, number>();
  for (const [name, count, work, before] of measured) found.set(name, await median(count, work, before));
  return found;
}

/** A user and the one room that they are in. */
export interface Use {
  readonly client: MatrixClient;
  readonly room: string;
}

/** Using a large room, beside using one of a few members. */
export async function largeRoomRows(large: Use, small: Use): Promise<Row[]> {
  const [ofLarge, ofSmall] = [await measureUse(large), await measureUse(small)];
  return [...ofLarge].map(([name, value]) => {
    const reference = ofSmall.get(name) ?? value;
    return { name: `large room, beside a small one: ${name}`, value, unit: 'ms', reference, ratio: value / reference };
  });
}

/** Messages of another server where all agree, while our side is on a branch of its own, and on many branches. */
export async function branchRows(shared: SharedRoom, userId: string): Promise<Row[]> {
  const { room } = shared;
  const say = (prevEvents: readonly string[], n: number) =>
    room.build({ type: 'm.room.message', sender: userId, content: { msgtype: 'm.text', body: `${n}` }, prevEvents });
  let heads: readonly string[] = room.latest;
  const chain = async () => {
    const events = [say(heads, 0)];
    while (events.length < TOGETHER) events.push(say([events.at(-1)?.eventId ?? ''], events.length));
    await deliver(shared, events);
    heads = events.slice(-1).map(({ eventId }) => eventId);
  };
  const branches = async () => {
    const open = Array.from({ length: BRANCHES }, (_, branch) => say(heads, branch));
    await deliver(shared, open);
    heads = open.map(({ eventId }) => eventId);
  };
  const one = await median(FEW, chain);
  await setTopic(shared, 'on a branch of its own');
  const beside = await median(FEW, chain);
  const opening = await median(FEW, branches);
  const name = `grown room: ${TOGETHER} messages of another server`;
  return [
    plainRow({ name, value: one, unit: 'ms' }),
    ratioRow({ name: 'the same beside a branch of ours', value: beside, unit: 'ms' }, one, { atMost: 2 }),
    plainRow({ name: `${BRANCHES} messages that follow all of ${BRANCHES} branches`, value: opening, unit: 'ms' }),
  ];
}
