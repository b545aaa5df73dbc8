import { expect, test } from 'vitest';
import { freePort } from '../harness/free-port.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import type { Person } from '../harness/person.ts';
import { createTestDatabase } from '../harness/test-database.ts';
import { pair, sharedRoom } from './pair.ts';
import { describeWithSynapse, startSynapse } from './synapse.ts';

const numbered = (text: string, count: number) => Array.from({ length: count }, (_, i) => `${text} ${i}`);

async function sayAll(person: Person, roomId: string, texts: readonly string[]): Promise<void> {
  for (const text of texts) await person.say(roomId, text);
}

describeWithSynapse('after a while without each other', async () => {
  const { url } = await createTestDatabase();
  const federationPort = await freePort();
  const start = () => startHomeserver({ databaseUrl: url, federationPort });
  const [first, synapse] = await Promise.all([start(), startSynapse()]);

  test('Synapse gets from Parley what it has missed', async () => {
    const { host, guest } = await pair(first, synapse);
    const roomId = await sharedRoom({ host, guest });
    await synapse.stop();
    const missed = numbered('missed by Synapse', 70);
    await sayAll(host, roomId, missed);
    await host.setState(roomId, 'm.room.topic', { topic: 'set meanwhile' });
    await synapse.start();
    await guest.say(roomId, 'I am back');
    await host.untilText(roomId, 'I am back');
    await host.say(roomId, 'welcome');
    await guest.untilText(roomId, 'welcome');
    expect((await guest.texts(roomId)).filter((text) => text.startsWith('missed'))).toEqual(missed);
    expect(await guest.roomOk('GET', roomId, 'state/m.room.topic/')).toMatchObject({ topic: 'set meanwhile' });
  });

  test('Parley gets from Synapse what it has missed', async () => {
    const { host, guest } = await pair(synapse, first);
    const roomId = await sharedRoom({ host, guest });
    await first.stop();
    const missed = numbered('missed by Parley', 70);
    await sayAll(host, roomId, missed);
    await host.setState(roomId, 'm.room.topic', { topic: 'set meanwhile' });
    const returned = guest.at(await start());
    await returned.say(roomId, 'I am back');
    await host.untilText(roomId, 'I am back');
    await host.say(roomId, 'welcome');
    await returned.untilText(roomId, 'welcome');
    expect((await returned.texts(roomId)).filter((text) => text.startsWith('missed'))).toEqual(missed);
    expect(await returned.roomOk('GET', roomId, 'state/m.room.topic/')).toMatchObject({ topic: 'set meanwhile' });
  });
});
