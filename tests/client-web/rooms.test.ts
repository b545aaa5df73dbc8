import { afterAll, describe, expect, test } from 'vitest';
import type { RoomSummary } from '../../client-web/src/matrix/room-summary.ts';
import { SignUpViewModel } from '../../client-web/src/view-models/auth/sign-up.ts';
import type { RoomListState, RoomSectionId } from '../../client-web/src/view-models/room-list.ts';
import { SessionFrame } from '../../client-web/src/view-models/session-frame.ts';
import { openSession, type SessionViewModel } from '../../client-web/src/view-models/session-view-model.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { createTestPlatform, type TestPlatform, until } from './test-platform.ts';

const server = await startHomeserver();
const opened: SessionViewModel[] = [];
afterAll(() => {
  for (const session of opened) session.dispose();
});

interface Person {
  session: SessionViewModel;
  platform: TestPlatform;
}

async function signUp(name: string): Promise<Person> {
  const platform = createTestPlatform(server.baseUrl);
  const session = await new Promise<SessionViewModel>((resolve, reject) => {
    const viewModel = new SignUpViewModel({
      baseUrl: server.baseUrl,
      deviceName: 'Test',
      onSignedIn: async (credentials) => {
        platform.storage.set('credentials', credentials);
        resolve(await openSession(new SessionFrame(credentials, platform)));
      },
    });
    const account = { username: name.toLowerCase(), password: 'correct horse battery', displayName: name, token: '' };
    viewModel.signUp(account).catch(reject);
  });
  opened.push(session);
  await until(session, ({ sync }) => sync === 'live');
  return { session, platform };
}

const channel = { name: 'Design', topic: 'Reviews', isPublic: false, aliasLocalpart: '', isFederated: true };

async function createChannel({ session }: Person, more: Partial<typeof channel> = {}): Promise<string> {
  const roomId = await session.createNewChannel().create({ ...channel, ...more });
  if (!roomId) throw new Error('The channel was not created.');
  return roomId;
}

async function invite(from: Person, to: Person, roomId: string | undefined) {
  const picker = from.session.createPeoplePicker(roomId);
  picker.choose({ userId: to.session.userId, name: to.session.userId, avatarMxc: undefined });
  return picker;
}

function findRoom(list: RoomListState, section: RoomSectionId, roomId: string): RoomSummary | undefined {
  return list.sections.find(({ id }) => id === section)?.rooms.find((room) => room.roomId === roomId);
}

const [ana, ben] = await Promise.all([signUp('Ana'), signUp('Ben')]);

describe('a channel', () => {
  test('is in the list when it has been created, with its name and topic', async () => {
    const roomId = await createChannel(ana);
    const list = ana.session.roomList.getState();
    expect(findRoom(list, 'channels', roomId)).toMatchObject({ name: 'Design', topic: 'Reviews', isPublic: false });
  });

  test('whose address somebody has already is refused at the field', async () => {
    await createChannel(ana, { isPublic: true, aliasLocalpart: 'taken' });
    const viewModel = ben.session.createNewChannel();
    expect(await viewModel.create({ ...channel, isPublic: true, aliasLocalpart: 'taken' })).toBeUndefined();
    expect(viewModel.getState()).toMatchObject({ aliasTaken: true, problem: undefined });
  });

  test('shows an invitation with who sent it, and moves to the channels when it is accepted', async () => {
    const roomId = await createChannel(ana, { name: 'Offsite' });
    expect(await (await invite(ana, ben, roomId)).invite()).toBe(true);
    const list = await until(ben.session.roomList, (state) => findRoom(state, 'invites', roomId) !== undefined);
    expect(list.mentions).toBeGreaterThan(0);
    expect(findRoom(list, 'invites', roomId)).toMatchObject({
      name: 'Offsite',
      inviter: { userId: ana.session.userId, name: 'Ana' },
    });
    const preview = ben.session.createRoomPreview(roomId, []);
    expect(preview.getState()).toMatchObject({ status: 'ready', inviter: { name: 'Ana' } });
    expect(await preview.join()).toBe(roomId);
    expect(findRoom(ben.session.roomList.getState(), 'channels', roomId)).toBeDefined();
  });

  test('disappears from the list when its invitation is declined', async () => {
    const roomId = await createChannel(ana);
    await (await invite(ana, ben, roomId)).invite();
    await until(ben.session.roomList, (state) => findRoom(state, 'invites', roomId) !== undefined);
    expect(await ben.session.createRoomPreview(roomId, []).decline()).toBe(true);
    await until(ben.session.roomList, ({ order }) => !order.includes(roomId));
  });

  test('that is public is found in the directory and joined from there', async () => {
    const roomId = await createChannel(ana, { name: 'Climbing wall', isPublic: true, aliasLocalpart: 'climbing' });
    const directory = ben.session.createRoomDirectory();
    directory.setTerm('climbing');
    const { rooms } = await until(
      directory,
      (state) => state.status === 'ready' && state.rooms.some((found) => found.roomId === roomId),
    );
    const found = rooms.find((room) => room.roomId === roomId);
    expect(found).toMatchObject({ name: 'Climbing wall', alias: `#climbing:${server.serverName}`, isJoined: false });
    if (found) expect(await directory.join(found)).toBe(roomId);
    expect(ben.session.findRoomId(`#climbing:${server.serverName}`)).toBe(roomId);
  });

  test('is not found under an address that nobody has', async () => {
    const preview = ben.session.createRoomPreview(`#nowhere:${server.serverName}`, []);
    await until(preview, ({ status }) => status === 'not-found');
  });
});

describe('a member', () => {
  test('is given a role, removed with a reason, and sees who did it', async () => {
    const roomId = await createChannel(ana, { name: 'Rules' });
    await (await invite(ana, ben, roomId)).invite();
    await until(ben.session.roomList, (state) => findRoom(state, 'invites', roomId) !== undefined);
    await ben.session.createRoomPreview(roomId, []).join();

    const seen = ana.session.createMember(roomId, ben.session.userId);
    await until(seen, ({ membership, can }) => membership === 'join' && can.kick);
    await seen.setRole('moderator');
    await until(seen, ({ role }) => role === 'moderator');
    const list = ana.session.createMemberList(roomId);
    const { groups } = await until(list, (state) => state.isComplete && state.groups.length === 2);
    expect(groups.map(({ id, members }) => [id, members.map(({ name }) => name)])).toEqual([
      ['owner', ['Ana']],
      ['moderator', ['Ben']],
    ]);

    const mirrored = ben.session.createMember(roomId, ana.session.userId);
    expect(mirrored.getState().can).toEqual({ invite: false, kick: false, ban: false, unban: false, roles: [] });

    expect(await seen.kick('spam')).toBe(true);
    await until(ben.session.roomList, ({ order }) => !order.includes(roomId));
    expect(ben.session.createRoomPreview(roomId, []).getState()).toMatchObject({
      name: 'Rules',
      removal: { name: 'Ana', reason: 'spam' },
    });
  });
});

describe('room settings', () => {
  test('change the name, the topic and who may join', async () => {
    const roomId = await createChannel(ana);
    const settings = ana.session.createRoomSettings(roomId);
    expect(await settings.save({ name: 'Design reviews', topic: '' })).toBe(true);
    expect(await settings.setAccess('public')).toBe(true);
    const state = await until(settings, (now) => now.settings?.access === 'public' && now.settings.topic === '');
    expect(state.settings?.name).toBe('Design reviews');
    await until(ana.session.roomList, (list) => findRoom(list, 'channels', roomId)?.name === 'Design reviews');
  });

  test('are not offered to those who may not change them', async () => {
    const roomId = await createChannel(ana, { isPublic: true, aliasLocalpart: 'readonly' });
    await ben.session.createRoomPreview(`#readonly:${server.serverName}`, []).join();
    await until(ben.session.roomList, ({ order }) => order.includes(roomId));
    const { permissions } = ben.session.createRoomSettings(roomId).getState();
    expect(permissions).toMatchObject({ setName: false, setTopic: false, setJoinRule: false, kick: false });
  });

  test('mute a room, and favourite it', async () => {
    const roomId = await createChannel(ana);
    const room = ana.session.createRoom(roomId);
    await room.setNotificationLevel('mute');
    await until(room, ({ summary }) => summary?.notificationLevel === 'mute');
    await room.setNotificationLevel('mentions');
    await until(room, ({ summary }) => summary?.notificationLevel === 'mentions');
    await room.toggleFavourite();
    await until(ana.session.roomList, (list) => findRoom(list, 'favourites', roomId) !== undefined);
  });
});

describe('a direct message', () => {
  test('is opened once and found again, and is one for both', async () => {
    const roomId = await (await invite(ana, ben, undefined)).openDirectMessage();
    expect(roomId).toBeDefined();
    expect(await (await invite(ana, ben, undefined)).openDirectMessage()).toBe(roomId);
    if (!roomId) return;
    await until(ana.session.roomList, (list) => findRoom(list, 'direct', roomId) !== undefined);
    await until(ben.session.roomList, (list) => findRoom(list, 'invites', roomId)?.kind === 'direct');
    await ben.session.createRoomPreview(roomId, []).join();
    const list = await until(ben.session.roomList, (state) => findRoom(state, 'direct', roomId) !== undefined);
    expect(findRoom(list, 'direct', roomId)).toMatchObject({ name: 'Ana', directUserId: ana.session.userId });
  });

  test('counts every message, notifies of it, and is quiet again once it is read', async () => {
    const roomId = await (await invite(ana, ben, undefined)).openDirectMessage();
    if (!roomId) throw new Error('There is no direct message.');
    ben.session.preferences.change({ notifications: true });
    const stop = ben.session.notifications.present({
      describe: ({ senderName, text }) => ({ title: senderName, body: text ?? '' }),
      visibleRoom: () => undefined,
      openRoom: () => {},
    });
    await sendText(ana, roomId, 'Do you have a minute?');
    const room = ben.session.createRoom(roomId);
    const { summary } = await until(room, (state) => (state.summary?.unread.notifications ?? 0) > 0);
    expect(summary?.lastMessage).toMatchObject({ senderName: 'Ana', text: 'Do you have a minute?' });
    await expect
      .poll(() => ben.platform.shown)
      .toContainEqual({ title: 'Ana', body: 'Do you have a minute?', tag: roomId });
    await room.markRead();
    await until(room, (state) => state.summary?.unread.level === 'none');
    stop();
  });
});

test('files wait in their room or thread, wherever one looks, until the session ends', async () => {
  const { session, platform } = await signUp('Cleo');
  const [roomId, otherId] = [await createChannel({ session, platform }), await createChannel({ session, platform })];
  const namesIn = (room: string, threadId?: string) => {
    const composer = session.createComposer(room, { threadId });
    const names = composer.uploads.getState().items.map(({ name }) => name);
    composer.dispose();
    return names;
  };
  const composer = session.createComposer(roomId, {});
  composer.uploads.add([new File(['all of it'], 'plan.txt')]);
  composer.dispose();
  expect(namesIn(roomId)).toEqual(['plan.txt']);
  expect([...namesIn(roomId, '$thread'), ...namesIn(otherId)]).toEqual([]);
  expect(platform.isAskingBeforeLeaving()).toBe(true);
  session.dispose();
  expect(platform.isAskingBeforeLeaving()).toBe(false);
});

/** Through the API: sending is the composer's business. */
async function sendText({ platform, session }: Person, roomId: string, body: string): Promise<void> {
  const { accessToken } = session.platform.storage.get('credentials') as { accessToken: string };
  const response = await fetch(
    `${platform.origin}/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/send/m.room.message/${Math.random()}`,
    {
      method: 'PUT',
      headers: { Authorization: `Bearer ${accessToken}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ msgtype: 'm.text', body }),
    },
  );
  if (!response.ok) throw new Error(`Sending answered ${response.status}`);
}

describe('the account', () => {
  test('changes its name', async () => {
    expect(await ana.session.ownProfile.setName('Ana Ruiz')).toBe(true);
    await until(ana.session.ownProfile, ({ profile }) => profile.name === 'Ana Ruiz');
  });

  test('lists its devices and signs another one out with the password', async () => {
    const other = await fetch(`${server.baseUrl}/_matrix/client/v3/login`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        type: 'm.login.password',
        identifier: { type: 'm.id.user', user: 'ana' },
        password: 'correct horse battery',
        initial_device_display_name: 'Old laptop',
      }),
    });
    const { device_id: deviceId } = (await other.json()) as { device_id: string };
    const viewModel = ana.session.createDevices();
    const { devices } = await until(viewModel, (state) => state.devices?.length === 2 && !state.pending);
    expect(devices?.map(({ name, isThisOne }) => [name, isThisOne])).toEqual([
      ['Test', true],
      ['Old laptop', false],
    ]);
    expect(await viewModel.remove([deviceId], 'a guess')).toBe(false);
    expect(viewModel.getState().wrongPassword).toBe(true);
    expect(await viewModel.remove([deviceId], 'correct horse battery')).toBe(true);
    expect(viewModel.getState().devices).toHaveLength(1);
  });

  test('changes its password, and a wrong current one is said at its field', async () => {
    const viewModel = ben.session.createChangePassword();
    const request = { current: 'a guess', next: 'another long password', signOutOthers: false };
    expect(await viewModel.change(request)).toBe(false);
    expect(viewModel.getState().wrongPassword).toBe(true);
    expect(await viewModel.change({ ...request, current: 'correct horse battery' })).toBe(true);
  });
});
