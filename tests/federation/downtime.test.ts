import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { brokenRules } from '../harness/broken-rules.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';

const alpha = await startHomeserver();
const gamma = await startHomeserver();
const data = await mkdtemp(path.join(tmpdir(), 'parley-test-beta-'));
afterAll(() => rm(data, { recursive: true, force: true }));
const firstBeta = await startHomeserver({ settings: { data } });
const alice = await Person.register(alpha, 'alice');
const carol = await Person.register(gamma, 'carol');
const firstBob = await Person.register(firstBeta, 'bob');
const roomId = await alice.createRoom();
await firstBob.join(roomId, [alpha.serverName]);
await carol.join(roomId, [alpha.serverName]);
await carol.untilMembership(roomId, firstBob.userId, 'join');
await firstBob.untilMembership(roomId, carol.userId, 'join');
await firstBeta.stop();

const said: string[] = [];
const say = async (person: Person, text: string) => {
  said.push(text);
  await person.say(roomId, text);
};
for (let i = 0; i < 60; i++) await say(alice, `while beta is down ${i}`);
await say(carol, 'carol misses bob');
await alice.untilText(roomId, 'carol misses bob');
await alice.setState(roomId, 'm.room.topic', { topic: 'new topic' });
const { databaseUrl, federationPort } = firstBeta;
const beta = await startHomeserver({ databaseUrl, federationPort, settings: { data } });
const bob = firstBob.at(beta);

test('a server that was down gets all that it missed, in order, and its users are heard again', async () => {
  await bob.say(roomId, 'back');
  said.push('back');
  await alice.untilText(roomId, 'back');
  await carol.untilText(roomId, 'back');
  await bob.untilEvent(roomId, (event) => event.type === 'm.room.topic', 'the topic');
  await bob.untilText(roomId, 'carol misses bob');
  const texts = await bob.texts(roomId);
  expect([...texts].sort()).toEqual([...said].sort());
  const ofAlice = (list: readonly string[]) => list.filter((text) => text.startsWith('while'));
  expect(ofAlice(texts)).toEqual(ofAlice(said));
  expect((await bob.roomOk('GET', roomId, 'state/m.room.topic/')).topic).toBe('new topic');
});

test('afterwards the room is one: what anyone says reaches everyone', async () => {
  for (const person of [alice, bob, carol]) {
    const text = `${person.userId} is here`;
    await person.say(roomId, text);
    for (const other of [alice, bob, carol]) await other.untilText(roomId, text);
  }
});

test('after all this the databases agree with themselves', async () => {
  for (const server of [alpha, beta, gamma]) expect(await brokenRules(server)).toEqual([]);
});
