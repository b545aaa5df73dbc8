import { expect, test } from 'vitest';
import type { Pdu } from '../../server/src/protocol/event.ts';
import { eventIdOf } from '../../server/src/protocol/event-hashes.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom, versionNamed } from '../harness/puppet-room.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const puppet = await startPuppetServer();
let names = 0;

const escaped = encodeURIComponent;
const idsOf = (pdus: Pdu[]) => pdus.map((pdu) => eventIdOf(pdu, versionNamed('12')));

async function backfill(roomId: string, from: readonly string[], limit: number) {
  const query = [...from.map((id) => `v=${escaped(id)}`), `limit=${limit}`].join('&');
  return await puppet.call(alpha.serverName, 'GET', `/v1/backfill/${escaped(roomId)}?${query}`);
}

async function getMissing(roomId: string, body: object) {
  return await puppet.call(alpha.serverName, 'POST', `/v1/get_missing_events/${escaped(roomId)}`, body as never);
}

async function roomWithHistory(messages: number, options: Record<string, unknown> = {}) {
  const alice = await Person.register(alpha, `alice${names++}`);
  const roomId = await alice.createRoom(options);
  const sent: string[] = [];
  for (let i = 0; i < messages; i++) sent.push(await alice.say(roomId, `message ${i}`));
  const room = await PuppetRoom.join(puppet, alpha.serverName, roomId, puppet.user(`guest${names++}`));
  return { alice, roomId, sent, room };
}

test('backfill answers the events named and what came before them, newest first', async () => {
  const { roomId, sent } = await roomWithHistory(10);
  const answer = await backfill(roomId, [sent[7] ?? ''], 5);
  expect(answer.status, answer.text).toBe(200);
  expect(answer.body.origin).toBe(alpha.serverName);
  expect(answer.body.origin_server_ts).toBeTypeOf('number');
  expect(idsOf(answer.body.pdus)).toEqual([7, 6, 5, 4, 3].map((i) => sent[i]));
});

test('backfill reaches the create event and ends there', async () => {
  const { roomId, sent } = await roomWithHistory(3);
  const { pdus } = (await backfill(roomId, [sent[2] ?? ''], 100)).body;
  expect(pdus.at(-1).type).toBe('m.room.create');
  expect(new Set(idsOf(pdus)).size).toBe(pdus.length);
});

test('A8.3 limits are the server’s own', async () => {
  const { roomId, sent } = await roomWithHistory(120);
  const last = sent.at(-1) ?? '';
  expect((await backfill(roomId, [last], 100_000)).body.pdus).toHaveLength(100);
  expect((await backfill(roomId, [last], -5)).body.pdus).toEqual([]);
  const missing = (limit?: number) => getMissing(roomId, { earliest_events: [], latest_events: [last], limit });
  expect((await missing(100_000)).body.events).toHaveLength(100);
  expect((await missing(-1)).body.events).toEqual([]);
  expect((await missing()).body.events).toHaveLength(10);
});

test('get_missing_events answers what lies between, oldest first', async () => {
  const { roomId, sent } = await roomWithHistory(10);
  const answer = await getMissing(roomId, { earliest_events: [sent[2]], latest_events: [sent[7]], limit: 50 });
  expect(answer.status, answer.text).toBe(200);
  expect(idsOf(answer.body.events)).toEqual([3, 4, 5, 6].map((i) => sent[i]));
  const depth = answer.body.events[2].depth;
  const deep = await getMissing(roomId, {
    earliest_events: [sent[2]],
    latest_events: [sent[7]],
    limit: 50,
    min_depth: depth,
  });
  expect(idsOf(deep.body.events)).toEqual([5, 6].map((i) => sent[i]));
});

test('A3.1 events of other rooms and unknown ones are passed over', async () => {
  const { alice, roomId } = await roomWithHistory(1);
  const secretRoom = await alice.createRoom({ preset: 'private_chat' });
  const secret = await alice.say(secretRoom, 'secret');
  const nothing = await backfill(roomId, [`$${'A'.repeat(43)}`], 10);
  const foreign = await backfill(roomId, [secret], 10);
  expect(nothing.body.pdus).toEqual([]);
  expect({ ...foreign.body, origin_server_ts: 0 }).toEqual({ ...nothing.body, origin_server_ts: 0 });
  const missing = await getMissing(roomId, { earliest_events: [], latest_events: [secret] });
  expect(missing.body).toEqual({ events: [] });
  expect((await backfill(secretRoom, [secret], 10)).status).toBe(403);
  expect((await getMissing(secretRoom, { earliest_events: [], latest_events: [secret] })).status).toBe(403);
});

test('A3.1 history ends where it is not for the server that asks', async () => {
  const visibility = { type: 'm.room.history_visibility', state_key: '', content: { history_visibility: 'joined' } };
  const { alice, roomId, sent } = await roomWithHistory(3, { initial_state: [visibility] });
  const after = await alice.say(roomId, 'after');
  const { pdus } = (await backfill(roomId, [after], 100)).body;
  expect(pdus[0].content.body).toBe('after');
  const ids = idsOf(pdus);
  for (const id of sent) expect(ids).not.toContain(id);
  expect((await backfill(roomId, [sent[2] ?? ''], 100)).body.pdus).toEqual([]);
});
