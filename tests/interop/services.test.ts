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

    test('a space shows its rooms, those on the other server too', async () => {
      const { host, guest } = await pair(home, away);
      const space = await sharedRoom({ host, guest }, { name: 'House', creation_content: { type: 'm.space' } });
      const open = await host.createRoom({ name: 'Kitchen', topic: 'Food' });
      const closed = await host.createRoom({ preset: 'private_chat', name: 'Safe' });
      for (const child of [open, closed]) {
        await host.setState(space, 'm.space.child', { via: [home.serverName] }, child);
        await guest.untilEvent(space, (event) => event.state_key === child, 'the room in the space');
      }
      const response = await guest.fetch(`/client/v1/rooms/${encodeURIComponent(space)}/hierarchy`);
      const body = (await response.json()) as { rooms: Record<string, unknown>[] };
      expect(response.status, JSON.stringify(body)).toBe(200);
      const [root, child, ...more] = body.rooms;
      expect(root).toMatchObject({ room_id: space, name: 'House', room_type: 'm.space' });
      expect(child).toMatchObject({ room_id: open, name: 'Kitchen', topic: 'Food', num_joined_members: 1 });
      expect(more).toEqual([]);
    });

    test('the event of a moment is found in history that only the other server has', async () => {
      const { host, guest } = await pair(home, away);
      const roomId = await host.createRoom();
      const early = await host.say(roomId, 'early');
      const { origin_server_ts: ts } = await host.roomOk('GET', roomId, `event/${encodeURIComponent(early)}`);
      for (let n = 0; n < 30; n++) await host.say(roomId, `later ${n}`);
      await guest.join(roomId, [home.serverName]);
      await host.untilMembership(roomId, guest.userId, 'join');
      const path = `/client/v1/rooms/${encodeURIComponent(roomId)}/timestamp_to_event?ts=${ts}&dir=f`;
      const response = await guest.fetch(path);
      expect(await response.json()).toEqual({ event_id: early, origin_server_ts: ts });
    });

    test('presence is seen on the other side, and that it ends', async () => {
      const { host, guest } = await pair(home, away);
      await sharedRoom({ host, guest });
      const path = `/presence/${encodeURIComponent(host.userId)}/status`;
      for (const presence of ['unavailable', 'offline']) {
        await host.ok('PUT', path, { presence, status_msg: `${presence} now` });
        await guest.until(async () => {
          const seen = await guest.ok('GET', path);
          return seen.presence === presence && seen.status_msg === `${presence} now`;
        }, `the user to be ${presence}`);
      }
    });

    test('messages reach the devices they are for, once', async () => {
      const { host, guest } = await pair(home, away);
      const { device_id: deviceId } = await guest.ok('GET', '/account/whoami');
      for (const [n, device] of [deviceId, '*'].entries()) {
        const body = { messages: { [guest.userId]: { [device]: { n } } } };
        for (const _ of ['sent', 'repeated']) await host.ok('PUT', `/sendToDevice/org.example.test/${n}`, body);
      }
      const found: unknown[] = [];
      await guest.untilSync((answer) => {
        found.push(...(answer.to_device?.events ?? []));
        return found.length >= 2;
      }, 'the messages');
      const message = { type: 'org.example.test', sender: host.userId };
      expect(found).toEqual([0, 1].map((n) => ({ ...message, content: { n } })));
    });

    test('a new device of a user is told to those who share a room with them', async () => {
      const { host, guest } = await pair(home, away);
      await sharedRoom({ host, guest });
      const login = {
        type: 'm.login.password',
        identifier: { type: 'm.id.user', user: host.userId },
        password: `password of ${host.userId.slice(1).split(':')[0]}`,
      };
      // The first one makes the other server ask for the list of devices, in which those without keys are not, so that it may find
      // nothing new there. What changes from then on it is told itself.
      const signedIn: Promise<unknown>[] = [];
      await guest.untilSync((answer) => {
        signedIn.push(host.ok('POST', '/login', login));
        return answer.device_lists?.changed?.includes(host.userId);
      }, 'the new device');
      await Promise.all(signedIn);
    });
  });
});
