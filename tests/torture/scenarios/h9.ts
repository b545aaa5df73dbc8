import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startChat } from '../chat-load.ts';
import { joinRoom } from '../chat-rooms.ts';
import { judgeDatabases } from '../database-findings.ts';
import {
  anonymousClient,
  expectOk,
  type MatrixClient,
  type Reply,
  readRoom,
  registerClient,
} from '../matrix-client.ts';
import { createOperationLog } from '../operation-log.ts';
import { seededRandom } from '../random.ts';
import type { Figure, Findings, Scenario, ScenarioOptions } from '../scenario.ts';
import { type SkewedServer, startSkewedServer } from '../skewed-server.ts';

const HOUR_MS = 3_600_000;
const DECADE_MS = 10 * 8766 * HOUR_MS;
/** By how much the clock of the other server is wrong, one after the other; right in the end. */
const PEER_SKEWS = [DECADE_MS, -DECADE_MS, 0];
/** `skews`: the same of our own clock, for each of those. */
const SIZES = {
  gate: { perSecond: 20, restMs: 100, skews: [HOUR_MS, -HOUR_MS] },
  full: { perSecond: 60, restMs: 5_000, skews: [HOUR_MS, 0, -HOUR_MS, HOUR_MS, -HOUR_MS, 0] },
};
/** How often what is limited may be done at once, and how long it then takes until it may be done once more. */
const BURST = 3;
const INTERVAL_MS = 60_000;
const SETTLE_MS = 300_000;

/** What is found while the clock jumps; each must stay empty. */
interface Faults {
  readonly sessions: string[];
  readonly waits: string[];
  readonly tooMany: string[];
}

interface Session {
  readonly access_token: string;
  readonly refresh_token: string;
}

/** Signs in, lets the clock jump, and goes on as a client does: it refreshes when it is told that its token has expired. */
async function checkSession(server: SkewedServer, name: string, jump: () => void, faults: Faults): Promise<void> {
  const anonymous = anonymousClient([server.url]);
  const login = { type: 'm.login.password', identifier: { type: 'm.id.user', user: name }, refresh_token: true };
  const password = `password of ${name}`;
  const session = await expectOk(anonymous.call('POST', '/_matrix/client/v3/login', { ...login, password }));
  jump();
  const isGood = async ({ access_token: token }: Session) => {
    const whoami = await fetch(`${server.url}/_matrix/client/v3/account/whoami`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const body = (await whoami.json()) as { soft_logout?: boolean };
    if (whoami.status !== 200 && body.soft_logout !== true)
      faults.sessions.push(`${whoami.status} ${JSON.stringify(body)}`);
    return whoami.status === 200;
  };
  if (await isGood(session as unknown as Session)) return;
  const refresh = { refresh_token: session.refresh_token };
  const renewed = await anonymous.call('POST', '/_matrix/client/v3/refresh', refresh);
  if (renewed.status !== 200 || !(await isGood(renewed.body as unknown as Session)))
    faults.sessions.push(`refresh: ${renewed.status} ${JSON.stringify(renewed.body)}`);
}

/** Does something as often as it may be done, lets the clock jump, and does it again: it must not be let, nor told to wait long. */
async function checkRateLimit(attempt: () => Promise<Reply>, jump: () => void, faults: Faults): Promise<void> {
  const statuses: number[] = [];
  for (let n = 0; n < BURST; n++) statuses.push((await attempt()).status);
  jump();
  const { status, body } = await attempt();
  if (status !== 429 || statuses.includes(429)) faults.tooMany.push(`${statuses.join(' ')}, then ${status}`);
  if (Number(body.retry_after_ms ?? 0) > INTERVAL_MS) faults.waits.push(`${body.retry_after_ms} ms`);
}

/** A limit that all processes share at once, and one that each decides in its memory. */
async function checkRateLimits(server: SkewedServer, name: string, jump: () => void, faults: Faults): Promise<void> {
  const client = await registerClient([server.url], name);
  const identifier = { type: 'm.id.user', user: name };
  const wrong = { type: 'm.login.password', identifier, password: 'a wrong one' };
  await checkRateLimit(() => client.call('POST', '/_matrix/client/v3/login', wrong), jump, faults);
  const invite = { user_id: client.userId };
  await checkRateLimit(() => client.call('POST', '/_matrix/client/v3/rooms/!none:x/invite', invite), jump, faults);
}

async function until(isSo: () => Promise<boolean>): Promise<boolean> {
  const deadline = performance.now() + SETTLE_MS;
  while (performance.now() < deadline) {
    if (await isSo()) return true;
    await delay(200);
  }
  return false;
}

/** Texts of the messages that a client may see in a room. */
async function textsIn(client: MatrixClient, roomId: string): Promise<string[]> {
  const events = await readRoom(client, roomId);
  return events.filter(({ type }) => type === 'm.room.message').map(({ content }) => String(content.body));
}

async function say(client: MatrixClient, roomId: string, text: string): Promise<void> {
  const at = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/send/m.room.message/${encodeURIComponent(text)}`;
  await expectOk(client.call('PUT', at, { msgtype: 'm.text', body: text }));
}

/** A room of both servers, and what each of two people has said in it. */
interface SharedRoom {
  readonly roomId: string;
  readonly ours: MatrixClient;
  readonly theirs: MatrixClient;
  readonly said: { readonly ours: string[]; readonly theirs: string[] };
}

async function openSharedRoom(server: SkewedServer, peer: SkewedServer): Promise<SharedRoom> {
  const ours = await registerClient([server.url], 'ours');
  const theirs = await registerClient([peer.url], 'theirs');
  const body = { preset: 'public_chat' };
  const roomId = String((await expectOk(ours.call('POST', '/_matrix/client/v3/createRoom', body))).room_id);
  await joinRoom(theirs, roomId, [server.serverName]);
  return { roomId, ours, theirs, said: { ours: [], theirs: [] } };
}

/** What is missing or doubled on either side once both clocks are right. */
async function judgeSharedRoom({
  roomId,
  ours,
  theirs,
  said,
}: SharedRoom): Promise<{ lost: string[]; doubled: number }> {
  // With the right time, both say something: whoever waits for the other hears of it.
  await say(ours, roomId, 'ours at last');
  await say(theirs, roomId, 'theirs at last');
  const wanted = [...said.ours, ...said.theirs, 'ours at last', 'theirs at last'];
  const missing = async () => {
    const [here, there] = [await textsIn(ours, roomId), await textsIn(theirs, roomId)];
    return [
      ...wanted.filter((text) => !here.includes(text)).map((text) => `${text}, here`),
      ...wanted.filter((text) => !there.includes(text)).map((text) => `${text}, there`),
    ];
  };
  await until(async () => (await missing()).length === 0);
  const [here, there] = [await textsIn(ours, roomId), await textsIn(theirs, roomId)];
  const doubled = here.length - new Set(here).size + there.length - new Set(there).size;
  return { lost: await missing(), doubled };
}

async function jumpAbout(
  server: SkewedServer,
  peer: SkewedServer,
  shared: SharedRoom,
  { tier, report }: ScenarioOptions,
): Promise<Faults> {
  const faults: Faults = { sessions: [], waits: [], tooMany: [] };
  await registerClient([server.url], 'refreshing');
  let round = 0;
  for (const peerSkew of PEER_SKEWS) {
    peer.setSkew(peerSkew);
    for (const skew of SIZES[tier].skews) {
      round++;
      await checkSession(server, 'refreshing', () => server.setSkew(skew), faults);
      await checkRateLimits(server, `limited${round}`, () => server.setSkew(-server.skewMs()), faults);
      server.setSkew(skew);
      const [mine, its] = [`ours ${round}`, `theirs ${round}`];
      await say(shared.ours, shared.roomId, mine);
      shared.said.ours.push(mine);
      await say(shared.theirs, shared.roomId, its);
      // Nobody may believe a signature that is dated after its key expires, so what was said then is lost by the rules.
      if (peerSkew <= 0) shared.said.theirs.push(its);
      await delay(SIZES[tier].restMs);
      report(`clock ${skew / HOUR_MS} h off, the other server's ${Math.round(peerSkew / DECADE_MS) * 10} years`);
    }
  }
  server.setSkew(0);
  return faults;
}

function count(name: string, found: readonly string[]): Figure {
  return { name, value: found.length, unit: 'times', max: 0 };
}

async function run(options: ScenarioOptions): Promise<Findings> {
  const { folder, tier, seed, createDatabase } = options;
  const urls = [(await createDatabase()).url, (await createDatabase()).url];
  const developmentCa = path.join(folder, 'development-ca');
  const plenty = { burst: 100_000, per_second: 100_000 };
  const generous = Object.fromEntries(
    ['registration', 'message', 'join', 'media', 'read', 'federation'].map((name) => [name, plenty]),
  );
  const tight = { burst: BURST, per_second: 1_000 / INTERVAL_MS };
  const limits = { mode: 'on', ...generous, login: tight, invite: tight };
  const server = await startSkewedServer({
    folder: path.join(folder, 'server'),
    databaseUrl: urls[0] ?? '',
    developmentCa,
    settings: { rate_limits: limits },
  });
  const peer = await startSkewedServer({
    folder: path.join(folder, 'peer'),
    databaseUrl: urls[1] ?? '',
    developmentCa,
  });
  const log = createOperationLog(path.join(folder, 'operations.jsonl'));
  try {
    const shared = await openSharedRoom(server, peer);
    const chat = await startChat({
      urls: [server.url],
      log,
      random: seededRandom(seed),
      perSecond: SIZES[tier].perSecond,
    });
    const faults = await jumpAbout(server, peer, shared, options);
    const { figures, examples } = await chat.finish();
    const { lost, doubled } = await judgeSharedRoom(shared);
    await Promise.all([server.stop(), peer.stop()]);
    const database = await judgeDatabases(urls);
    return {
      counts: log.counts(),
      figures: [
        ...figures,
        count('sessions that could not go on', faults.sessions),
        count('attempts beyond a limit', faults.tooMany),
        count('waits that are longer than the limit says', faults.waits),
        count('messages missing on one of two servers', lost),
        { name: 'messages doubled on one of two servers', value: doubled, unit: 'times', max: 0 },
        count('errors logged', server.errors()),
        ...database.figures,
      ],
      examples: [
        ...examples,
        ...faults.sessions,
        ...faults.tooMany,
        ...faults.waits,
        ...lost,
        ...server.errors().slice(0, 3),
        ...database.examples,
      ],
    };
  } finally {
    await log.close();
  }
}

export const h9: Scenario = {
  id: 'H9',
  title:
    'our clock jumps by hours and that of another server is ten years off: no session, limit, stream or key breaks',
  run,
};
