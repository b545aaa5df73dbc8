import { expect, test } from 'vitest';
import { freePort } from '../harness/free-port.ts';
import { spawnHomeserver, startHomeserver } from '../harness/homeserver.ts';
import { Person } from '../harness/person.ts';
import { createTestDatabase } from '../harness/test-database.ts';

const beta = await startHomeserver();
let people = 0;
const name = (base: string) => `${base}${people++}`;

const numbered = (text: string, count: number) => Array.from({ length: count }, (_, i) => `${text} ${i}`);

/** Waits until the last of the texts has arrived, and answers all messages that the person can see. */
async function textsOnceSeen(person: Person, roomId: string, last: string): Promise<string[]> {
  await person.untilText(roomId, last);
  return await person.texts(roomId);
}

test('people on two servers see what each other writes, in order and once', async () => {
  const alpha = await startHomeserver();
  const alice = await Person.register(alpha, name('alice'));
  const bob = await Person.register(beta, name('bob'));
  const roomId = await alice.createRoom();
  await bob.join(roomId, [alpha.serverName]);
  const fromAlice = numbered('alice', 20);
  const fromBob = numbered('bob', 20);
  await Promise.all([
    (async () => {
      for (const text of fromAlice) await alice.say(roomId, text);
    })(),
    (async () => {
      for (const text of fromBob) await bob.say(roomId, text);
    })(),
  ]);
  const seenByAlice = await textsOnceSeen(alice, roomId, 'bob 19');
  const seenByBob = await textsOnceSeen(bob, roomId, 'alice 19');
  for (const seen of [seenByAlice, seenByBob]) {
    expect(seen.filter((text) => text.startsWith('alice'))).toEqual(fromAlice);
    expect(seen.filter((text) => text.startsWith('bob'))).toEqual(fromBob);
  }
});

test('typing and read receipts reach the other server', async () => {
  const alpha = await startHomeserver();
  const alice = await Person.register(alpha, name('alice'));
  const bob = await Person.register(beta, name('bob'));
  const roomId = await alice.createRoom();
  await bob.join(roomId, [alpha.serverName]);
  const eventId = await bob.say(roomId, 'hello');
  await alice.untilEvent(roomId, (event) => event.event_id === eventId, 'the message');
  await alice.roomOk('PUT', roomId, `typing/${encodeURIComponent(alice.userId)}`, { typing: true, timeout: 30_000 });
  await bob.untilSync((answer) => {
    const events = answer.rooms?.join?.[roomId]?.ephemeral.events ?? [];
    return events.some((event: { type: string; content: { user_ids?: string[] } }) =>
      event.content.user_ids?.includes(alice.userId),
    );
  }, 'typing');
  await alice.roomOk('POST', roomId, `receipt/m.read/${encodeURIComponent(eventId)}`, {});
  await bob.untilSync((answer) => {
    const events = answer.rooms?.join?.[roomId]?.ephemeral.events ?? [];
    return events.some(
      (event: { type: string; content: Record<string, { 'm.read'?: Record<string, unknown> }> }) =>
        event.type === 'm.receipt' && event.content[eventId]?.['m.read']?.[alice.userId] !== undefined,
    );
  }, 'the receipt');
});

test('presence reaches the other server, both ways', async () => {
  const alpha = await startHomeserver();
  const alice = await Person.register(alpha, name('alice'));
  const bob = await Person.register(beta, name('bob'));
  const roomId = await alice.createRoom();
  await bob.join(roomId, [alpha.serverName]);
  for (const [one, other] of [
    [alice, bob],
    [bob, alice],
  ] as const) {
    const path = `/presence/${encodeURIComponent(one.userId)}/status`;
    for (const presence of ['unavailable', 'offline']) {
      await one.ok('PUT', path, { presence, status_msg: `${presence} now` });
      await other.untilSync(
        (answer) =>
          answer.presence?.events.some(
            (event: { sender: string; content: Record<string, unknown> }) =>
              event.sender === one.userId && event.content.status_msg === `${presence} now`,
          ),
        'the presence',
      );
      expect(await other.ok('GET', path)).toMatchObject({ presence, status_msg: `${presence} now` });
    }
  }
});

test('a server that was down catches up with everything that it missed', async () => {
  const { url } = await createTestDatabase();
  const federationPort = await freePort();
  const first = await startHomeserver({ databaseUrl: url, federationPort });
  const carol = await Person.register(first, name('carol'));
  const bob = await Person.register(beta, name('bob'));
  const roomId = await bob.createRoom();
  await carol.join(roomId, [beta.serverName]);
  await bob.say(roomId, 'before');
  await carol.untilText(roomId, 'before');
  await first.stop();
  const missed = numbered('missed', 70);
  for (const text of missed) await bob.say(roomId, text);
  const again = await startHomeserver({ databaseUrl: url, federationPort });
  const returned = carol.at(again);
  expect(await textsOnceSeen(returned, roomId, 'missed 69')).toEqual(['before', ...missed]);
});

test('when a process is killed, another one of the same server goes on sending', async () => {
  const { url } = await createTestDatabase();
  const federationPort = await freePort();
  const settings = { server_name: `localhost:${federationPort}` };
  const first = await spawnHomeserver({ databaseUrl: url, federationPort, settings });
  const second = await spawnHomeserver({ databaseUrl: url, settings });
  const alice = await Person.register(second, name('alice'));
  const bob = await Person.register(beta, name('bob'));
  const roomId = await alice.createRoom();
  await bob.join(roomId, [first.serverName]);
  await alice.say(roomId, 'before');
  await bob.untilText(roomId, 'before');
  const during = numbered('during', 30);
  for (const [i, text] of during.entries()) {
    await alice.say(roomId, text);
    // The first process has held the locks from the start.
    if (i === 10) await first.kill('SIGKILL');
  }
  expect(await textsOnceSeen(bob, roomId, 'during 29')).toEqual(['before', ...during]);
});
