import { describe, expect, test } from 'vitest';
import { startHomeserver } from '../harness/homeserver.ts';
import { Person, type PersonsServer, type SeenEvent } from '../harness/person.ts';
import { type Pair, pair, sharedRoom, stateOf } from './pair.ts';
import { describeWithSynapse, startSynapse } from './synapse.ts';

const numbered = (text: string, count: number) => Array.from({ length: count }, (_, i) => `${text} ${i}`);

/** Both say something and hear each other. */
async function talk(roomId: string, { host, guest }: Pair): Promise<void> {
  await host.say(roomId, 'from the host');
  await guest.untilText(roomId, 'from the host');
  await guest.say(roomId, 'from the guest');
  await host.untilText(roomId, 'from the guest');
}

/** Room versions that both servers call stable. */
async function commonVersions(servers: readonly PersonsServer[]): Promise<string[]> {
  const [some = [], others = []] = await Promise.all(
    servers.map(async (server) => {
      const person = await Person.register(server, 'versions');
      const { available } = (await person.ok('GET', '/capabilities')).capabilities['m.room_versions'];
      return Object.keys(available).filter((version) => available[version] === 'stable');
    }),
  );
  return some.filter((version) => others.includes(version));
}

describeWithSynapse('a room of Parley and Synapse', async () => {
  const [parley, synapse] = await Promise.all([startHomeserver(), startSynapse()]);
  const versions = await commonVersions([parley, synapse]);
  const directions: [title: string, home: PersonsServer, away: PersonsServer][] = [
    ['made on Parley', parley, synapse],
    ['made on Synapse', synapse, parley],
  ];

  describe.each(directions)('%s', (_title, home, away) => {
    test.each(versions)('of version %s is joined by its alias, and both sides talk', async (version) => {
      const { host, guest } = await pair(home, away);
      const alias = `version-${version}`;
      const made = await host.createRoom({ room_version: version, room_alias_name: alias });
      expect(await guest.join(`#${alias}:${home.serverName}`)).toBe(made);
      await host.untilMembership(made, guest.userId, 'join');
      await talk(made, { host, guest });
    });

    test.each(versions)('of version %s and private is joined by invite', async (version) => {
      const { host, guest } = await pair(home, away);
      const roomId = await host.createRoom({ preset: 'private_chat', room_version: version, name: 'A quiet place' });
      await host.roomOk('POST', roomId, 'invite', { user_id: guest.userId });
      const stripped = await guest.untilInvited(roomId);
      expect(stripped.find((event) => event.type === 'm.room.name')?.content.name).toBe('A quiet place');
      await guest.join(roomId);
      await host.untilMembership(roomId, guest.userId, 'join');
      await talk(roomId, { host, guest });
    });

    test('is not entered by somebody who rejects the invite', async () => {
      const { host, guest } = await pair(home, away);
      const roomId = await host.createRoom({ preset: 'private_chat' });
      await host.roomOk('POST', roomId, 'invite', { user_id: guest.userId });
      await guest.untilInvited(roomId);
      await guest.roomOk('POST', roomId, 'leave', {});
      await host.untilMembership(roomId, guest.userId, 'leave');
    });

    test('has the same state on both sides after changes by both', async () => {
      const { host, guest } = await pair(home, away);
      const roomId = await sharedRoom({ host, guest });
      await host.setState(roomId, 'm.room.name', { name: 'First' });
      const levels = await host.roomOk('GET', roomId, 'state/m.room.power_levels/');
      await host.setState(roomId, 'm.room.power_levels', {
        ...levels,
        users: { ...levels.users, [guest.userId]: 50 },
      });
      await guest.untilEvent(
        roomId,
        (event) => event.type === 'm.room.power_levels' && event.content.users[guest.userId] === 50,
        'the power to change the topic',
      );
      await guest.setState(roomId, 'm.room.topic', { topic: 'Second' });
      await host.untilEvent(roomId, (event) => event.content.topic === 'Second', 'the topic');
      const [atHome, atGuest] = await Promise.all([stateOf(host, roomId), stateOf(guest, roomId)]);
      expect(atGuest).toEqual(atHome);
    });

    test.each(versions)('of version %s has the same history and state on both sides', async (version) => {
      const { host, guest } = await pair(home, away);
      const roomId = await host.createRoom({ room_version: version });
      const earlier = numbered('earlier', 15);
      for (const text of earlier) await host.say(roomId, text);
      await guest.join(roomId, [home.serverName]);
      await host.untilMembership(roomId, guest.userId, 'join');
      expect(await guest.texts(roomId)).toEqual(earlier);
      const levels = await host.roomOk('GET', roomId, 'state/m.room.power_levels/');
      const users = { ...levels.users, [guest.userId]: 50 };
      await host.setState(roomId, 'm.room.power_levels', { ...levels, users });
      await guest.untilEvent(
        roomId,
        (event) => event.type === 'm.room.power_levels' && event.content.users[guest.userId] === 50,
        'the power to change the topic',
      );
      await guest.setState(roomId, 'm.room.topic', { topic: 'By the guest' });
      await host.untilEvent(roomId, (event) => event.content.topic === 'By the guest', 'the topic');
      expect(await stateOf(guest, roomId)).toEqual(await stateOf(host, roomId));
    });

    test.each(versions)('of version %s hides a redacted message on both sides', async (version) => {
      const { host, guest } = await pair(home, away);
      const roomId = await sharedRoom({ host, guest }, { room_version: version });
      const byGuest = await guest.say(roomId, 'a secret of the guest');
      const byHost = await host.say(roomId, 'a secret of the host');
      await guest.untilEvent(roomId, (event) => event.event_id === byHost, 'the message of the host');
      await host.untilEvent(roomId, (event) => event.event_id === byGuest, 'the message of the guest');
      await host.redact(roomId, byGuest);
      await host.redact(roomId, byHost);
      await host.say(roomId, 'done');
      await guest.untilText(roomId, 'done');
      for (const person of [host, guest]) {
        const texts = await person.texts(roomId);
        expect(texts).toContain('done');
        expect(texts.filter((text) => text.startsWith('a secret'))).toEqual([]);
      }
    });

    test('lets somebody who was kicked come back, and nobody who was banned', async () => {
      const { host, guest } = await pair(home, away);
      const roomId = await sharedRoom({ host, guest });
      await host.roomOk('POST', roomId, 'kick', { user_id: guest.userId, reason: 'enough' });
      await guest.untilMembership(roomId, guest.userId, 'leave');
      expect((await guest.room('PUT', roomId, 'send/m.room.message/kicked', { body: 'no' })).status).toBe(403);
      await guest.join(roomId, [home.serverName]);
      await host.untilMembership(roomId, guest.userId, 'join');
      await host.roomOk('POST', roomId, 'ban', { user_id: guest.userId });
      // Synapse shows banned users no state, so whether the ban has arrived is seen by what it forbids.
      const path = `/join/${encodeURIComponent(roomId)}?via=${encodeURIComponent(home.serverName)}`;
      await guest.until(async () => (await guest.call('POST', path, {})).status === 403, 'the ban to hold');
      await host.roomOk('POST', roomId, 'unban', { user_id: guest.userId });
      await guest.join(roomId, [home.serverName]);
      await talk(roomId, { host, guest });
    });

    test('shows what was said before the join to those who join', async () => {
      const { host, guest } = await pair(home, away);
      const roomId = await host.createRoom();
      const earlier = numbered('earlier', 60);
      for (const text of earlier) await host.say(roomId, text);
      await guest.join(roomId, [home.serverName]);
      expect(await guest.texts(roomId)).toEqual(earlier);
    });

    test('carries typing and read receipts both ways', async () => {
      const { host, guest } = await pair(home, away);
      const roomId = await sharedRoom({ host, guest });
      const eventId = await host.say(roomId, 'read me');
      await guest.untilText(roomId, 'read me');
      for (const [actor, watcher] of [
        [host, guest],
        [guest, host],
      ] as const) {
        const typing = { typing: true, timeout: 30_000 };
        await actor.roomOk('PUT', roomId, `typing/${encodeURIComponent(actor.userId)}`, typing);
        await watcher.untilSync(
          (answer) => ephemeral(answer, roomId, 'm.typing')?.content.user_ids.includes(actor.userId),
          `${actor.userId} typing`,
        );
        await actor.roomOk('POST', roomId, `receipt/m.read/${encodeURIComponent(eventId)}`, {});
        await watcher.untilSync(
          (answer) => ephemeral(answer, roomId, 'm.receipt')?.content[eventId]?.['m.read']?.[actor.userId],
          `the receipt of ${actor.userId}`,
        );
      }
    });

    test('that is private and may be knocked on lets in who knocks and is then invited', async () => {
      const { host, guest } = await pair(home, away);
      const roomId = await host.createRoom({ preset: 'private_chat', name: 'Club' });
      await host.setState(roomId, 'm.room.join_rules', { join_rule: 'knock' });
      const path = `/knock/${encodeURIComponent(roomId)}?via=${encodeURIComponent(home.serverName)}`;
      expect(await guest.ok('POST', path, { reason: 'please' })).toEqual({ room_id: roomId });
      const stripped: SeenEvent[] = await guest.untilSync(
        (answer) => answer.rooms?.knock?.[roomId]?.knock_state.events,
        'the knock',
      );
      expect(stripped.find((event) => event.type === 'm.room.name')?.content.name).toBe('Club');
      await host.untilMembership(roomId, guest.userId, 'knock');
      await host.roomOk('POST', roomId, 'invite', { user_id: guest.userId });
      await guest.untilInvited(roomId);
      await guest.join(roomId);
      await host.untilMembership(roomId, guest.userId, 'join');
      await talk(roomId, { host, guest });
    });

    test('lets nobody in whose knock is refused', async () => {
      const { host, guest } = await pair(home, away);
      const roomId = await host.createRoom({ preset: 'private_chat' });
      await host.setState(roomId, 'm.room.join_rules', { join_rule: 'knock' });
      const path = `/knock/${encodeURIComponent(roomId)}?via=${encodeURIComponent(home.serverName)}`;
      await guest.ok('POST', path, {});
      await host.untilMembership(roomId, guest.userId, 'knock');
      await host.roomOk('POST', roomId, 'kick', { user_id: guest.userId });
      const join = `/join/${encodeURIComponent(roomId)}?via=${encodeURIComponent(home.serverName)}`;
      expect((await guest.call('POST', join, {})).status).toBe(403);
    });

    test('restricted to the members of another is joined by those and nobody else', async () => {
      const { host, guest } = await pair(home, away);
      const team = await sharedRoom({ host, guest });
      const rule = { join_rule: 'restricted', allow: [{ type: 'm.room_membership', room_id: team }] };
      const roomId = await host.createRoom({
        preset: 'private_chat',
        initial_state: [{ type: 'm.room.join_rules', state_key: '', content: rule }],
      });
      const stranger = (await pair(home, away)).guest;
      const path = `/join/${encodeURIComponent(roomId)}?via=${encodeURIComponent(home.serverName)}`;
      expect((await stranger.call('POST', path, {})).status).toBe(403);
      await guest.join(roomId, [home.serverName]);
      await host.untilMembership(roomId, guest.userId, 'join');
      await talk(roomId, { host, guest });
    });
  });
});

// biome-ignore lint/suspicious/noExplicitAny: an answer of /sync
function ephemeral(answer: any, roomId: string, type: string) {
  const events: SeenEvent[] = answer.rooms?.join?.[roomId]?.ephemeral?.events ?? [];
  return events.find((event) => event.type === type);
}
