import { expect, test } from 'vitest';
import type { Queryable, Transaction } from '../../server/src/storage/database.ts';
import {
  countServers,
  heroes,
  joinedCounts,
  longestJoined,
  memberCounts,
  someoneJoined,
} from '../../server/src/storage/memberships.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();
const MEMBERS = 2_000;

/** A room of `MEMBERS` users, who joined in the order of their numbers, in that state of membership. */
async function makeRoom(roomId: string, membership: string): Promise<number> {
  const [room] = await db.query<{ nid: number }>(
    `INSERT INTO rooms (room_id, version) VALUES ($1, '10') RETURNING nid`,
    [roomId],
  );
  const nid = room?.nid ?? 0;
  await db.query(
    `INSERT INTO memberships (room_nid, user_id, membership, event_nid, sender, server, position, joined_position)
     SELECT $1, '@u' || n || ':x', $2, n, '@u' || n || ':x', 'x', n, CASE WHEN $2 = 'join' THEN n END
     FROM generate_series(1, $3::bigint) AS n`,
    [nid, membership, MEMBERS],
  );
  await db.query('INSERT INTO room_servers (room_nid, server, joined_members, since_position) VALUES ($1, $2, $3, 1)', [
    nid,
    'x',
    membership === 'join' ? MEMBERS : 0,
  ]);
  return nid;
}

/** Rows of `memberships` that this connection has read lately. */
async function rowsRead(tx: Queryable): Promise<number> {
  const [read] = await tx.query<{ rows: number }>(
    `SELECT seq_tup_read + idx_tup_fetch AS rows FROM pg_stat_xact_user_tables WHERE relname = 'memberships'`,
  );
  return read?.rows ?? Number.NaN;
}

/** What is answered, and how many rows of `memberships` were read for it. */
async function counted<T>(ask: (tx: Transaction) => Promise<T>): Promise<{ answer: T; rows: number }> {
  return await db.transaction(async (tx) => {
    const before = await rowsRead(tx);
    const answer = await ask(tx);
    return { answer, rows: (await rowsRead(tx)) - before };
  });
}

test('a large room is summarised without reading its members', async () => {
  const joined = await makeRoom('!joined:x', 'join');
  const left = await makeRoom('!left:x', 'leave');
  await db.query(`UPDATE memberships SET membership = 'invite' WHERE room_nid = $1 AND position <= 2`, [joined]);
  await db.query('UPDATE room_servers SET joined_members = joined_members - 2 WHERE room_nid = $1', [joined]);
  const counts = await counted((tx) => memberCounts(tx, [joined, left]));
  expect(counts.answer).toEqual(
    new Map([
      [joined, { joined: MEMBERS - 2, invited: 2 }],
      [left, { joined: 0, invited: 0 }],
    ]),
  );
  expect(counts.rows).toBeLessThan(10);
  const named = await counted((tx) => heroes(tx, [joined, left], '@u3:x'));
  const of = (nid: number) => named.answer.filter((row) => row.roomNid === nid).map((row) => row.userId);
  expect(of(joined)).toEqual(['@u1:x', '@u2:x', '@u4:x', '@u5:x', '@u6:x']);
  expect(of(left)).toEqual(['@u1:x', '@u2:x', '@u4:x', '@u5:x', '@u6:x']);
  expect(named.rows).toBeLessThan(20);
});

test('who comes and goes is counted, and somebody found who is there, or has been for longest, without reading the other members', async () => {
  const nid = await makeRoom('!counted:x', 'join');
  const change = (server: string, joined: number, place = 1) => ({ roomNid: nid, server, joined, place });
  const changed = await counted(async (tx) => {
    countServers(tx, [change('x', 1), change('x', 1), change('x', -1), change('y', 1, 2), change('z', 0)], 2);
    return await joinedCounts(tx, [nid]);
  });
  expect(changed).toEqual({ answer: new Map([[nid, MEMBERS + 2]]), rows: 0 });
  await db.transaction(async (tx) => countServers(tx, [change('y', -1)], 1));
  const rows = await db.query(
    `SELECT server, joined_members AS joined, until_position IS NULL AS stays FROM room_servers WHERE room_nid = $1 ORDER BY server`,
    [nid],
  );
  expect(rows).toEqual([
    { server: 'x', joined: MEMBERS + 1, stays: true },
    { server: 'y', joined: 0, stays: false },
  ]);
  const leftOut = ['@u1:x', '@u2:x'] as const;
  const found = await counted((tx) => someoneJoined(tx, nid, 'x', leftOut));
  expect(found.answer).toMatch(/^@u\d+:x$/);
  expect(leftOut).not.toContain(found.answer);
  expect(found.rows).toBeLessThan(10);
  expect(await someoneJoined(db, nid, 'y', [])).toBeUndefined();
  const longest = await counted((tx) => longestJoined(tx, nid, 'x', 3));
  expect(longest.answer).toEqual(['@u1:x', '@u2:x', '@u3:x']);
  expect(longest.rows).toBeLessThan(10);
});

test('whoever is in a room or invited to it names it before those who have left, however long they were there', async () => {
  const nid = await makeRoom('!mixed:x', 'leave');
  await db.query(`UPDATE memberships SET membership = 'join' WHERE room_nid = $1 AND position = $2`, [nid, MEMBERS]);
  expect((await heroes(db, [nid], '@u3:x')).map((row) => row.userId)).toEqual([`@u${MEMBERS}:x`]);
});
