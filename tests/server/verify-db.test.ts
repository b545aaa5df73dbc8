import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type Finding, verifyWithin } from '../../server/src/rooms/verify-database.ts';
import { openDatabase } from '../../server/src/storage/database.ts';
import { enc, registerClient, type TestClient } from '../harness/client.ts';
import { startHomeserver } from '../harness/homeserver.ts';

const MAIN = fileURLToPath(new URL('../../server/src/main.ts', import.meta.url));
const run = promisify(execFile);

const alpha = await startHomeserver();
const beta = await startHomeserver();

async function verify(server: { serverName: string; databaseUrl: string }): Promise<{ code: number; output: string }> {
  const env = { ...process.env, PARLEY_SERVER_NAME: server.serverName, PARLEY_DATABASE_URL: server.databaseUrl };
  try {
    return { code: 0, output: (await run(process.execPath, [MAIN, 'verify-db'], { env })).stdout };
  } catch (error) {
    const { code, stdout } = error as { code: number; stdout: string };
    return { code, output: stdout };
  }
}

async function talk(client: TestClient, roomId: string): Promise<void> {
  for (let index = 0; index < 50; index++) await client.say(roomId, `meanwhile ${index}`);
}

describe('verify-db', () => {
  it('finds nothing wrong after forks, backfill, redactions and departures on two servers, while people talk', async () => {
    const ana = await registerClient(alpha.baseUrl, 'ana');
    const ben = await registerClient(beta.baseUrl, 'ben');
    const roomId = await ana.createRoom({ preset: 'public_chat', room_alias_name: 'shared' });
    for (let index = 0; index < 30; index++) await ana.say(roomId, `before ${index}`);
    await ben.join(`#shared:${alpha.serverName}`);
    await ben.ok('GET', `v3/rooms/${enc(roomId)}/messages?dir=b&limit=100`);
    const both = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? ana : ben).say(roomId, `both ${index}`));
    const said = await Promise.all(both);
    for (const eventId of said)
      await expect
        .poll(() => ana.request('GET', `v3/rooms/${enc(roomId)}/event/${enc(eventId)}`))
        .toHaveProperty('status', 200);
    await ana.ok('PUT', `v3/rooms/${enc(roomId)}/redact/${enc(said[0] ?? '')}/r`, {});
    await ana.setState(roomId, 'm.room.topic', { topic: 'x' });
    await ana.ok('POST', `v3/rooms/${enc(roomId)}/kick`, { user_id: ben.userId });
    await ben.syncUntil(undefined, (answer) => (answer.rooms?.join?.[roomId] === undefined ? true : undefined));
    for (const server of [alpha, beta]) {
      const [{ code, output }] = await Promise.all([verify(server), talk(ana, roomId)]);
      expect(output.split('\n').filter((line) => !line.startsWith('ok'))).toEqual([
        expect.stringMatching(/^\d+ events, \d+ rules, 0 broken$/),
        '',
      ]);
      expect(code).toBe(0);
    }
  });

  it('ends with 1 and names the rule and what breaks it', async () => {
    const db = openDatabase({ connection: alpha.databaseUrl, poolSize: 1 });
    await db.query('UPDATE log_head SET position = position + 7');
    const { code, output } = await verify(alpha);
    await db.query('UPDATE log_head SET position = position - 7');
    await db.close();
    expect(code).toBe(1);
    expect(output).toMatch(/^FAIL the head of the log is its last position: 1 times\n {7}head \d+$/m);
    expect(output).toMatch(/ 1 broken$/m);
  });
});

const STATE_EVENT = (type: string) =>
  `(SELECT max(e.nid) FROM events e JOIN state_keys k ON k.nid = e.state_key_nid WHERE k.type = '${type}')`;
const MESSAGE = `(SELECT nid FROM events WHERE type = 'm.room.message' AND admission = 'accepted' ORDER BY position DESC LIMIT 1)`;
const OLDEST_SNAPSHOT = '(SELECT min(id) FROM state_snapshots)';

/** What breaks each rule. */
const DAMAGES: Readonly<Record<string, readonly string[]>> = {
  'the log has no gap behind its first position': [
    'DELETE FROM log WHERE position = (SELECT max(position) - 3 FROM log)',
  ],
  'the head of the log is its last position': ['UPDATE log_head SET position = position - 1'],
  'every event of a timeline has its position to itself': [
    `UPDATE events SET position = (SELECT min(position) FROM events) WHERE nid = ${MESSAGE}`,
  ],
  'every event of a timeline is in the log, at its position': [
    `DELETE FROM log WHERE kind = 'event' AND ref = ${MESSAGE}`,
    `UPDATE events SET position = position + 1000000 WHERE nid = ${MESSAGE}`,
  ],
  'every event in the log is that of a timeline, or has no place in one': [
    `UPDATE log SET ref = -1 WHERE kind = 'event' AND ref = ${MESSAGE}`,
    `UPDATE log SET ref = (SELECT max(nid) FROM events WHERE nid < ${MESSAGE}) WHERE kind = 'event' AND ref = ${MESSAGE}`,
  ],
  'only accepted events are in a timeline': [`UPDATE events SET admission = 'soft_failed' WHERE nid = ${MESSAGE}`],
  'state is made of accepted events only, and of soft-failed ones that others have built on': [
    `UPDATE events SET admission = 'rejected' WHERE nid = ${STATE_EVENT('m.room.create')}`,
    `UPDATE events SET admission = 'soft_failed', prev_events = '{}' WHERE nid >= ${STATE_EVENT('m.room.topic')}`,
  ],
  'every state that events, rooms and other states name is there': [
    `UPDATE events SET state_after = -1 WHERE nid = ${MESSAGE}`,
    'UPDATE rooms SET current_state = -1',
    `DELETE FROM state_snapshots WHERE id = ${OLDEST_SNAPSHOT}`,
  ],
  'no state, past or present, holds what was rejected or stands under another key': [
    `UPDATE events SET admission = 'rejected' WHERE nid = (SELECT min(nid) FROM events WHERE sender LIKE '@ben:%')`,
    `UPDATE events SET state_key_nid = (SELECT min(nid) FROM state_keys) WHERE nid = ${STATE_EVENT('m.room.topic')}`,
  ],
  'state stands under the key of its event': [
    `UPDATE current_state SET state_key_nid = (SELECT max(nid) + 1 FROM state_keys) WHERE event_nid = ${STATE_EVENT('m.room.topic')}`,
  ],
  'forward extremities are the accepted events of the graph that no other names as previous': [
    'UPDATE rooms SET extremities = extremities || (SELECT min(nid) FROM events)',
    `UPDATE rooms SET extremities = '{}'`,
  ],
  'who is joined to a room or banned there is so by the current state, and the other way round': [
    `DELETE FROM current_state s USING state_keys k WHERE k.nid = s.state_key_nid AND k.type = 'm.room.member'`,
    `UPDATE memberships SET membership = 'ban' WHERE membership = 'leave'`,
    'DELETE FROM memberships',
  ],
  'servers in a room have as many members as are counted': [
    'UPDATE room_servers SET joined_members = joined_members + 1',
  ],
  'state events that others can rest upon have their places in the auth chains': [
    'DELETE FROM auth_chains WHERE event_nid = (SELECT min(event_nid) FROM auth_chains)',
  ],
  'auth chains lead to the auth events of their events, and to nothing else': [
    'UPDATE auth_chains SET chain = event_nid, sequence = 1 WHERE sequence = 2',
    'UPDATE auth_chains SET chain = chain + 1000000 WHERE sequence = 1',
    'UPDATE auth_chains SET sequence = sequence + 1 WHERE sequence > 1',
    `UPDATE auth_chains SET links = '{}' WHERE event_nid = ${STATE_EVENT('m.room.topic')}`,
    `UPDATE auth_chains SET links = links || ${STATE_EVENT('m.room.create')} WHERE event_nid = ${STATE_EVENT('m.room.create')}`,
    'DELETE FROM auth_chains WHERE event_nid = ANY (SELECT unnest(links) FROM auth_chains)',
    `INSERT INTO auth_chains VALUES (-1, -1, 1, '{}')`,
    `INSERT INTO auth_chains VALUES (${MESSAGE}, ${MESSAGE}, 1, '{}')`,
  ],
  'what is missing is not here': [
    `INSERT INTO missing_prev_events (room_nid, event_id, referenced_by) SELECT room_nid, event_id, nid FROM events WHERE nid = ${MESSAGE}`,
  ],
  'what is stored as an event is JSON, and an event of its room version': [
    `UPDATE events SET pdu = left(pdu, -1) WHERE nid = ${MESSAGE}`,
    `UPDATE events SET pdu = left(pdu, -1) WHERE nid = ${STATE_EVENT('m.room.member')}`,
    `UPDATE events SET pdu = 'null' WHERE nid = ${STATE_EVENT('m.room.member')}`,
    `UPDATE events SET pdu = replace(pdu, '"hashes"', '"hushes"') WHERE nid = ${MESSAGE}`,
  ],
  'the id of an event is its hash': [`UPDATE events SET event_id = event_id || 'x' WHERE nid = ${MESSAGE}`],
  'the content of an event fits its hash, unless it was redacted on arrival': [
    `UPDATE events SET pdu = replace(pdu, 'before 3"', 'before 4"')`,
  ],
  'the columns of an event say what the event says': [
    `UPDATE events SET depth = depth + 1 WHERE nid = ${MESSAGE}`,
    `UPDATE events SET sender = '@x:y' WHERE nid = ${MESSAGE}`,
    `UPDATE events SET state_key_nid = (SELECT min(nid) FROM state_keys) WHERE nid = ${MESSAGE}`,
  ],
  'the edges of an event lead to the events that it names': [
    `UPDATE events SET prev_events = ARRAY[${STATE_EVENT('m.room.create')}] WHERE nid = ${MESSAGE}`,
    `UPDATE events SET auth_events = auth_events || ${STATE_EVENT('m.room.topic')} WHERE nid = ${MESSAGE}`,
    `UPDATE events SET prev_events = ARRAY[-1] WHERE nid = ${MESSAGE}`,
  ],
  'the state after an event is the state before it and the event': [
    `UPDATE events SET state_after = state_before WHERE nid = ${STATE_EVENT('m.room.topic')}`,
    `UPDATE events SET state_after = ${OLDEST_SNAPSHOT} WHERE nid = ${MESSAGE}`,
    `UPDATE events SET state_before = ${OLDEST_SNAPSHOT} WHERE nid = ${STATE_EVENT('m.room.topic')}`,
  ],
  'the state before an event is what the states after its previous events agree upon': [
    `UPDATE events SET state_before = ${OLDEST_SNAPSHOT}, state_after = ${OLDEST_SNAPSHOT} WHERE nid = ${MESSAGE}`,
    `UPDATE events SET state_before = ${OLDEST_SNAPSHOT} WHERE cardinality(prev_events) > 1`,
  ],
  'the current state is what the states after the forward extremities agree upon': [
    `UPDATE rooms SET current_state = ${OLDEST_SNAPSHOT}`,
    `UPDATE rooms SET current_state = ${OLDEST_SNAPSHOT}, extremities = extremities || (SELECT state_event.nid FROM events state_event
       WHERE state_event.nid = ${STATE_EVENT('m.room.topic')})`,
  ],
  'the current state is the state of the room’s snapshot': [
    `DELETE FROM current_state WHERE event_nid = ${STATE_EVENT('m.room.topic')}`,
  ],
};

describe('verifyWithin', () => {
  it('has a rule broken for every rule that there is', async () => {
    const rules = (await verifyIn(alpha.databaseUrl, [])).map((finding) => finding.name);
    expect(Object.keys(DAMAGES).toSorted()).toEqual(rules.toSorted());
  });

  for (const [rule, damages] of Object.entries(DAMAGES))
    for (const [index, damage] of damages.entries())
      it(`finds that ${rule} no more (damage ${index + 1})`, async () => {
        const findings = await verifyIn(alpha.databaseUrl, [damage]);
        expect(findings.filter(({ violations }) => violations > 0).map(({ name }) => name)).toContain(rule);
      });
});

const UNDONE = new Error('undone');

/** What is found in a database in which something was damaged meanwhile. */
async function verifyIn(databaseUrl: string, damages: readonly string[]): Promise<readonly Finding[]> {
  const db = openDatabase({ connection: databaseUrl, poolSize: 1 });
  let found: readonly Finding[] = [];
  try {
    await db.transaction(async (tx) => {
      for (const damage of damages) await tx.query(damage);
      found = await verifyWithin(tx, () => {});
      throw UNDONE;
    });
  } catch (error) {
    if (error !== UNDONE) throw error;
  } finally {
    await db.close();
  }
  return found;
}
