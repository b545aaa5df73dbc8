import { expect, test } from 'vitest';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const puppet = await startPuppetServer();
const PATH = '/v1/publicRooms';

test('published rooms are listed page by page, and searched', async () => {
  const alice = await Person.register(alpha, 'alice');
  const rooms = [];
  for (const name of ['Garden', 'Kitchen', 'Attic']) rooms.push(await alice.createRoom({ name, visibility: 'public' }));
  await alice.createRoom({ name: 'Hidden' });

  const all = await puppet.call(alpha.serverName, 'GET', PATH);
  expect(all.status, all.text).toBe(200);
  expect(all.body.chunk.map((room: { room_id: string }) => room.room_id).sort()).toEqual([...rooms].sort());

  const first = (await puppet.call(alpha.serverName, 'GET', `${PATH}?limit=2`)).body;
  expect(first.chunk).toHaveLength(2);
  const rest = (await puppet.call(alpha.serverName, 'GET', `${PATH}?limit=2&since=${first.next_batch}`)).body;
  expect([...first.chunk, ...rest.chunk].map((room) => room.name).sort()).toEqual(['Attic', 'Garden', 'Kitchen']);

  const search = { limit: 10, filter: { generic_search_term: 'kitch' } };
  const found = await puppet.call(alpha.serverName, 'POST', PATH, search);
  expect(found.body.chunk.map((room: { name: string }) => room.name)).toEqual(['Kitchen']);
});
