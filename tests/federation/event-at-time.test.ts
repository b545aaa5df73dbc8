import { describe, expect, test } from 'vitest';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom } from '../harness/puppet-room.ts';
import { startPuppetServer } from '../harness/puppet-server.ts';

const alpha = await startHomeserver();
const beta = await startHomeserver();
const puppet = await startPuppetServer();
let names = 0;

const person = (server: typeof alpha) => Person.register(server, `person${names++}`);
const enter = (roomId: string) => PuppetRoom.join(puppet, alpha.serverName, roomId, puppet.user(`guest${names++}`));

async function asUser(who: Person, roomId: string, ts: number | string, dir = 'f') {
  const path = `/client/v1/rooms/${encodeURIComponent(roomId)}/timestamp_to_event?ts=${ts}&dir=${dir}`;
  const response = await who.fetch(path);
  return { status: response.status, body: (await response.json()) as { event_id: string; errcode: string } };
}

const asServer = (roomId: string, ts: number | string, dir = 'f', from = puppet) =>
  from.call(alpha.serverName, 'GET', `/v1/timestamp_to_event/${encodeURIComponent(roomId)}?ts=${ts}&dir=${dir}`);

/** Messages with the moments at which they were sent, no two of them in the same millisecond. */
async function talk(who: Person, roomId: string, count: number) {
  const said: { id: string; ts: number }[] = [];
  for (let i = 0; i < count; i++) {
    const id = await who.say(roomId, `message ${i}`);
    const { origin_server_ts: ts } = await who.roomOk('GET', roomId, `event/${encodeURIComponent(id)}`);
    said.push({ id, ts });
    await expect.poll(() => Date.now() > ts).toBe(true);
  }
  return said;
}

describe('the event closest to a moment', () => {
  test('is found on and back from it, at it, and not beyond the ends of the room', async () => {
    const alice = await person(alpha);
    const roomId = await alice.createRoom();
    await enter(roomId);
    const said = await talk(alice, roomId, 3);
    const [first, second, third] = said as [
      { id: string; ts: number },
      { id: string; ts: number },
      { id: string; ts: number },
    ];
    for (const ask of [asServer, (...of: [string, number, string?]) => asUser(alice, ...of)]) {
      expect((await ask(roomId, second.ts)).body).toEqual({ event_id: second.id, origin_server_ts: second.ts });
      expect((await ask(roomId, second.ts, 'b')).body.event_id).toBe(second.id);
      expect((await ask(roomId, first.ts + 1)).body.event_id).toBe(second.id);
      expect((await ask(roomId, second.ts - 1, 'b')).body.event_id).toBe(first.id);
      expect(await ask(roomId, third.ts + 1)).toMatchObject({ status: 404, body: { errcode: 'M_NOT_FOUND' } });
      expect((await ask(roomId, 0, 'b')).status).toBe(404);
      const [oldest] = await alice.history(roomId);
      expect((await ask(roomId, 0)).body.event_id).toBe(oldest?.event_id);
    }
  });

  test('is one that the asker may see', async () => {
    const alice = await person(alpha);
    const bob = await person(alpha);
    const content = { history_visibility: 'joined' };
    const roomId = await alice.createRoom({
      initial_state: [{ type: 'm.room.history_visibility', state_key: '', content }],
    });
    const [before] = await talk(alice, roomId, 1);
    await bob.join(roomId);
    await enter(roomId);
    const [after] = await talk(alice, roomId, 1);
    const seen = (await bob.history(roomId)).map((event) => event.event_id);
    const found = await asUser(bob, roomId, before?.ts ?? 0);
    expect(seen).toContain(found.body.event_id);
    expect(seen).not.toContain(before?.id);
    expect((await asServer(roomId, before?.ts ?? 0)).body.event_id).not.toBe(before?.id);
    expect((await asServer(roomId, after?.ts ?? 0)).body.event_id).toBe(after?.id);
  });

  test('is told to nobody outside the room, in the same words whether there is one', async () => {
    const alice = await person(alpha);
    const bob = await person(alpha);
    const roomId = await alice.createRoom();
    const stranger = await startPuppetServer();
    const unknown = await asServer(`!${'A'.repeat(43)}`, 0, 'f', stranger);
    expect(unknown).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
    expect((await asServer(roomId, 0, 'f', stranger)).text).toBe(unknown.text);
    expect(await asUser(bob, roomId, 0)).toEqual(await asUser(bob, `!${'A'.repeat(43)}`, 0));
    expect((await asUser(bob, roomId, 0)).body.errcode).toBe('M_FORBIDDEN');
  });

  test('needs a moment and a direction', async () => {
    const alice = await person(alpha);
    const roomId = await alice.createRoom();
    await enter(roomId);
    for (const [ts, dir] of [
      ['x', 'f'],
      [0, 'x'],
      ['1.5', 'b'],
    ] as const) {
      expect((await asServer(roomId, ts, dir)).status).toBe(400);
      expect((await asUser(alice, roomId, ts, dir)).status).toBe(400);
    }
  });

  test('is fetched where it is from before this server came', async () => {
    const alice = await person(alpha);
    const bob = await person(beta);
    const roomId = await alice.createRoom();
    const [first] = await talk(alice, roomId, 30);
    await bob.join(roomId, [alpha.serverName]);
    expect((await asUser(bob, roomId, first?.ts ?? 0, 'b')).body.event_id).toBe(first?.id);
  });
});
