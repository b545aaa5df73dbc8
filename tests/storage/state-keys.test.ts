import { expect, test } from 'vitest';
import { stateKey } from '../../server/src/protocol/event.ts';
import { openStateKeys } from '../../server/src/storage/state-keys.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();
const members = Array.from({ length: 10 }, (_, n) => stateKey('m.room.member', `@user${n}:example.org`));

test('more pairs than are kept in memory get ids, the same ones each time', async () => {
  const keys = openStateKeys(db, 3);
  const nids = await keys.intern([...members, ...members]);
  expect(new Set(nids)).toHaveLength(members.length);
  expect(nids.slice(members.length)).toEqual(nids.slice(0, members.length));
  expect(await keys.intern(members)).toEqual(nids.slice(0, members.length));
  expect([...(await keys.find(members)).values()].sort()).toEqual([...new Set(nids)].sort());
  expect(new Set((await keys.resolve(nids)).values())).toEqual(new Set(members));
});

test('two who make the same pairs at once, in whatever order, get the same ids', async () => {
  const fresh = Array.from({ length: 2_000 }, (_, n) => stateKey('org.example.other', `${n}`));
  const both = await Promise.all([openStateKeys(db).intern(fresh), openStateKeys(db).intern(fresh.toReversed())]);
  expect(both[1].toReversed()).toEqual(both[0]);
});

test('looking for a pair does not make it', async () => {
  const unknown = stateKey('org.example.unknown', '');
  expect((await openStateKeys(db).find([unknown])).size).toBe(0);
  expect(await db.query(`SELECT FROM state_keys WHERE type = 'org.example.unknown'`)).toEqual([]);
});
