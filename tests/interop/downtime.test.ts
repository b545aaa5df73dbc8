import { expect, test } from 'vitest';
import { freePort } from '../harness/free-port.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import type { Person } from '../harness/person.ts';
import { createTestDatabase } from '../harness/test-database.ts';
import { pair, sharedRoom, stateOf } from './pair.ts';
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

  test('both agree on a room that went on differently on each side', async () => {
    const alone = await start();
    const { host, guest } = await pair(alone, synapse);
    // From version 12 on the creator is above the levels.
    const roomId = await sharedRoom({ host, guest }, { room_version: '11' });
    await host.setState(roomId, 'm.room.power_levels', { users: { [host.userId]: 100, [guest.userId]: 100 } });
    await guest.untilEvent(roomId, (event) => event.content.users?.[guest.userId] === 100, 'equal power');
    await synapse.stop();
    const byHost = numbered('said on Parley', 15);
    await sayAll(host, roomId, byHost);
    await host.setState(roomId, 'm.room.topic', { topic: 'of Parley' });
    await alone.stop();
    await synapse.start();
    const byGuest = numbered('said on Synapse', 15);
    await sayAll(guest, roomId, byGuest);
    await guest.setState(roomId, 'm.room.topic', { topic: 'of Synapse' });
    const returned = host.at(await start());
    await returned.say(roomId, 'together again');
    await guest.untilText(roomId, 'together again');
    await guest.say(roomId, 'so we are');
    await returned.untilText(roomId, 'so we are');
    for (const person of [returned, guest]) {
      const texts = await person.texts(roomId);
      expect(texts.filter((text) => text.startsWith('said on Parley'))).toEqual(byHost);
      expect(texts.filter((text) => text.startsWith('said on Synapse'))).toEqual(byGuest);
    }
    const [ofHost, ofGuest] = await Promise.all([stateOf(returned, roomId), stateOf(guest, roomId)]);
    expect(ofHost).toEqual(ofGuest);
  });
});
