import { mkdir, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { JsonObject } from '../../server/src/protocol/json.ts';
import { parsePeerJson } from '../../server/src/protocol/json-parser.ts';
import { type RoomVersion, roomVersions } from '../../server/src/protocol/room-versions.ts';
import { Person } from '../harness/person.ts';
import { PuppetRoom } from '../harness/puppet-room.ts';
import { type PuppetServer, startPuppetServer } from '../harness/puppet-server.ts';
import { checkRoom, type RecordedRoom, writeRoom } from '../protocol/recorded-room.ts';
import { describeWithSynapse, startSynapse } from './synapse.ts';

/** With `KEEP_RECORDED_ROOMS=1` the rooms become the files that `tests/protocol/recorded-rooms.test.ts` reads. */
const FOLDER = new URL('../protocol/synapse-rooms/', import.meta.url);

/** Lets two people of Synapse and one of the puppet do in a room what its version knows. @returns the last event */
async function live(version: RoomVersion, host: Person, guest: Person, puppet: PuppetServer, roomId: string) {
  await guest.join(roomId);
  await host.setState(roomId, 'm.room.name', { name: 'Recorded' });
  for (const user of ['visitor', 'rowdy'])
    await PuppetRoom.join(puppet, host.server.serverName, roomId, puppet.user(user));
  const said = await host.say(roomId, 'to be deleted');
  await host.redact(roomId, said);
  const levels = await host.roomOk('GET', roomId, 'state/m.room.power_levels/');
  const users = { ...levels.users, [guest.userId]: 50 };
  await host.setState(roomId, 'm.room.power_levels', { ...levels, users });
  await guest.setState(roomId, 'm.room.topic', { topic: 'By a moderator' });
  await host.roomOk('POST', roomId, 'invite', { user_id: `@nobody:${host.server.serverName}` });
  await guest.roomOk('POST', roomId, 'kick', { user_id: puppet.user('rowdy'), reason: 'enough' });
  await host.roomOk('POST', roomId, 'ban', { user_id: puppet.user('rowdy') });
  if (version.knocking) await host.setState(roomId, 'm.room.join_rules', { join_rule: 'knock' });
  if (version.restrictedJoins) {
    const allow = [{ type: 'm.room_membership', room_id: roomId }];
    await host.setState(roomId, 'm.room.join_rules', { join_rule: 'restricted', allow });
  }
  if (!version.strictCanonicalJson) {
    const init = { method: 'PUT', body: '{"msgtype":"m.text","body":"odd","float":1.5,"big":9007199254740993}' };
    const path = `/client/v3/rooms/${encodeURIComponent(roomId)}/send/m.room.message/odd`;
    expect((await host.fetch(path, init)).status).toBe(200);
  }
  return await host.say(roomId, 'the end');
}

/** All of a room as the server of its creator tells another. */
async function record(version: RoomVersion, host: Person, puppet: PuppetServer, roomId: string, last: string) {
  const server = host.server.serverName;
  const path = `/v1/backfill/${encodeURIComponent(roomId)}?limit=100&v=${encodeURIComponent(last)}`;
  const answer = await puppet.call(server, 'GET', path);
  expect(answer.status, answer.text).toBe(200);
  const { pdus } = parsePeerJson(answer.text) as { pdus: JsonObject[] };
  const own = await puppet.call(server, 'GET', '/_matrix/key/v2/server');
  const verifyKeys = Object.entries(own.body.verify_keys as Record<string, { key: string }>);
  const keys = {
    [server]: Object.fromEntries(verifyKeys.map(([id, { key }]) => [id, key])),
    [puppet.serverName]: { [puppet.key.keyId]: puppet.key.publicKey },
  };
  return { version, keys, pdus: pdus.map(({ unsigned: _, ...pdu }) => pdu) } satisfies RecordedRoom;
}

describeWithSynapse('a room that Synapse has made', async () => {
  const synapse = await startSynapse();
  const puppet = await startPuppetServer();
  puppet.answers.set('send', () => ({ pdus: {} }));
  const host = await Person.register(synapse, 'host');
  const guest = await Person.register(synapse, 'guest');

  test.each([...roomVersions.values()])('of version $id obeys our rules for that version', async (version) => {
    const initialState = [
      { type: 'm.room.history_visibility', state_key: '', content: { history_visibility: 'world_readable' } },
    ];
    const roomId = await host.createRoom({ room_version: version.id, initial_state: initialState });
    const last = await live(version, host, guest, puppet, roomId);
    const room = await record(version, host, puppet, roomId, last);
    await checkRoom(room);
    if (process.env.KEEP_RECORDED_ROOMS !== '1') return;
    await mkdir(FOLDER, { recursive: true });
    await writeFile(new URL(`${version.id}.jsonl`, FOLDER), writeRoom(room));
  });
});
