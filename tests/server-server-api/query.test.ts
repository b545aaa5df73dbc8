import { expect, test } from 'vitest';
import { queryRoutes } from '../../server/src/server-server-api/query.ts';
import { startFederationServer } from '../federation/federation-scene.ts';
import { testDatabase } from '../harness/test-database.ts';

const ours = await testDatabase();
const theirs = await testDatabase();

async function scene() {
  const asked: string[] = [];
  const known: { serverName: string } = { serverName: '' };
  const services = {
    get serverName() {
      return known.serverName;
    },
    profileOf: async (userId: string) => {
      asked.push(userId);
      return userId.startsWith('@alice:') ? { displayname: 'Alice', 'm.tz': 'Europe/Berlin' } : undefined;
    },
    resolveAlias: async (alias: string) => {
      asked.push(alias);
      return alias.startsWith('#known:') ? { roomId: '!r:x' as const, servers: ['a.example'] } : undefined;
    },
  };
  const peer = await startFederationServer(theirs, queryRoutes(services));
  known.serverName = peer.serverName;
  const us = await startFederationServer(ours, []);
  return { peer, us, asked, client: us.client };
}

test('the profile of a local user is told, whole or one field of it', async () => {
  const { client, peer } = await scene();
  const userId = `@alice:${peer.serverName}` as const;
  expect(await client.queryProfile(peer.serverName, { userId })).toEqual({
    displayname: 'Alice',
    'm.tz': 'Europe/Berlin',
  });
  expect(await client.queryProfile(peer.serverName, { userId, field: 'm.tz' })).toEqual({ 'm.tz': 'Europe/Berlin' });
});

test('A3.4 unknown users, users of others, unset fields and nonsense are answered alike, and others are not looked up', async () => {
  const { client, peer, us, asked } = await scene();
  const name = peer.serverName;
  const refusals = await Promise.all(
    [
      { userId: `@nobody:${name}` as const },
      { userId: `@alice:${us.serverName}` as const },
      { userId: '@alice:elsewhere.example' as const },
      { userId: `@alice:${name}` as const, field: 'avatar_url' },
      { userId: `@alice:${name}` as const, field: '__proto__' },
      { userId: `@alice:${name}` as const, field: 'toString' },
      { userId: 'nonsense' as never },
    ].map((request) =>
      client.queryProfile(name, request).then(
        () => 'told',
        (error: Error & { errcode: string; status: number }) => `${error.status} ${error.errcode} ${error.message}`,
      ),
    ),
  );
  expect(new Set(refusals)).toEqual(new Set([`404 M_NOT_FOUND ${name}: There is no such profile.`]));
  expect(asked.every((userId) => userId.endsWith(`:${name}`))).toBe(true);
});

test('A3.4 only local aliases are resolved', async () => {
  const { client, peer, asked } = await scene();
  const name = peer.serverName;
  const known = await client.queryDirectory(name, { roomAlias: `#known:${name}` });
  expect(known).toEqual({ roomId: '!r:x', servers: ['a.example'] });
  for (const roomAlias of [`#other:${name}`, '#known:elsewhere.example', 'nonsense' as never] as const)
    await expect(client.queryDirectory(name, { roomAlias })).rejects.toMatchObject({
      status: 404,
      errcode: 'M_NOT_FOUND',
    });
  expect(asked).toEqual([`#known:${name}`, `#other:${name}`]);
});
