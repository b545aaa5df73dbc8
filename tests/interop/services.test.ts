import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { startHomeserver } from '../harness/homeserver.ts';
import type { Person, PersonsServer } from '../harness/person.ts';
import { pair, sharedRoom } from './pair.ts';
import { describeWithSynapse, startSynapse } from './synapse.ts';

/** @returns the `mxc:` URI of the content */
async function upload(person: Person, bytes: Uint8Array<ArrayBuffer>, type: string, name: string): Promise<string> {
  const response = await person.fetch(`/media/v3/upload?filename=${encodeURIComponent(name)}`, {
    method: 'POST',
    headers: { 'content-type': type },
    body: bytes,
  });
  const body = (await response.json()) as { content_uri: string };
  expect(response.status, JSON.stringify(body)).toBe(200);
  return body.content_uri;
}

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describeWithSynapse('between Parley and Synapse', async () => {
  const [parley, synapse] = await Promise.all([startHomeserver(), startSynapse()]);
  const directions: [title: string, home: PersonsServer, away: PersonsServer][] = [
    ['from Parley to Synapse', parley, synapse],
    ['from Synapse to Parley', synapse, parley],
  ];

  describe.each(directions)('%s', (_title, home, away) => {
    test('files come over unchanged', async () => {
      const { host, guest } = await pair(home, away);
      const bytes = new TextEncoder().encode('line of a file\n'.repeat(50_000));
      const uri = await upload(host, bytes, 'text/plain', 'notes.txt');
      const response = await guest.fetch(`/client/v1/media/download/${uri.slice('mxc://'.length)}`);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
      expect(response.headers.get('content-disposition')).toContain('notes.txt');
      expect(digest(await response.bytes())).toBe(digest(bytes));
    });

    test('pictures come over as thumbnails', async () => {
      const { host, guest } = await pair(home, away);
      const large = sharp({ create: { width: 800, height: 600, channels: 3, background: 'green' } });
      const uri = await upload(host, new Uint8Array(await large.png().toBuffer()), 'image/png', 'large.png');
      const query = 'width=320&height=240&method=scale';
      const response = await guest.fetch(`/client/v1/media/thumbnail/${uri.slice('mxc://'.length)}?${query}`);
      expect(response.status).toBe(200);
      expect(await sharp(await response.arrayBuffer()).metadata()).toMatchObject({ width: 320, height: 240 });
    });

    test('what does not exist is not found', async () => {
      const { guest } = await pair(home, away);
      const response = await guest.fetch(`/client/v1/media/download/${home.serverName}/nothing`);
      expect(response.status).toBe(404);
    });

    test('the directory of public rooms can be read and searched', async () => {
      const { host, guest } = await pair(home, away);
      const roomId = await host.createRoom({ name: 'Gardening', topic: 'Roses', visibility: 'public' });
      await host.createRoom({ name: 'Cooking', visibility: 'public' });
      const path = `/publicRooms?server=${encodeURIComponent(home.serverName)}`;
      const all = await guest.ok('GET', path);
      expect(all.chunk.map((room: { name: string }) => room.name)).toEqual(
        expect.arrayContaining(['Gardening', 'Cooking']),
      );
      const found = await guest.ok('POST', path, { filter: { generic_search_term: 'garden' } });
      expect(found.chunk).toMatchObject([
        { room_id: roomId, name: 'Gardening', topic: 'Roses', num_joined_members: 1 },
      ]);
    });

    test('the profile of a user is known, and its changes reach shared rooms', async () => {
      const { host, guest } = await pair(home, away);
      const user = encodeURIComponent(host.userId);
      await host.ok('PUT', `/profile/${user}/displayname`, { displayname: 'Hanna' });
      expect(await guest.ok('GET', `/profile/${user}`)).toMatchObject({ displayname: 'Hanna' });
      const roomId = await sharedRoom({ host, guest });
      await host.ok('PUT', `/profile/${user}/displayname`, { displayname: 'Hanna B' });
      await guest.untilEvent(roomId, (event) => event.content.displayname === 'Hanna B', 'the new name');
    });

    test('the rooms of an alias are found, and an alias that nobody has is not', async () => {
      const { host, guest } = await pair(home, away);
      const name = `found-${host.userId.slice(1).split(':')[0]}`;
      const roomId = await host.createRoom({ room_alias_name: name });
      const look = (alias: string) =>
        guest.call('GET', `/directory/room/${encodeURIComponent(`#${alias}:${home.serverName}`)}`);
      expect((await look(name)).body).toMatchObject({ room_id: roomId, servers: [home.serverName] });
      expect(await look(`no-${name}`)).toMatchObject({ status: 404, body: { errcode: 'M_NOT_FOUND' } });
    });
  });
});
