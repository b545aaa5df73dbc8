import { type AuthDict, ClientEvent, type MatrixEvent, UserEvent } from 'matrix-js-sdk';
import { parseMxc } from './media.ts';
import type { PresenceState } from './members.ts';
import type { Session } from './session.ts';

export interface OwnProfile {
  userId: string;
  name: string;
  avatarMxc: string | undefined;
}

export interface Device {
  deviceId: string;
  name: string | undefined;
  isThisOne: boolean;
  /** Milliseconds since 1970. */
  lastSeen: number | undefined;
  lastSeenIp: string | undefined;
}

/** As sync last told it; the server is asked once by `fetchOwnProfile`. */
export function readOwnProfile(session: Session): OwnProfile {
  const user = session.client.getUser(session.userId);
  return {
    userId: session.userId,
    name: user?.displayName || session.userId,
    avatarMxc: parseMxc(user?.avatarUrl) ? user?.avatarUrl : undefined,
  };
}

export async function fetchOwnProfile(session: Session): Promise<OwnProfile> {
  const profile = await session.client.getProfileInfo(session.userId);
  return {
    userId: session.userId,
    name: profile.displayname || session.userId,
    avatarMxc: parseMxc(profile.avatar_url) ? profile.avatar_url : undefined,
  };
}

/** Calls back when our own name or picture changes, here or elsewhere. */
export function watchOwnProfile(session: Session, listener: () => void): () => void {
  const onUser = (_event: MatrixEvent | undefined, user: { userId: string }) =>
    user.userId === session.userId && listener();
  session.client.on(UserEvent.DisplayName, onUser);
  session.client.on(UserEvent.AvatarUrl, onUser);
  session.client.on(ClientEvent.Sync, onFirstSync);
  function onFirstSync() {
    // The own user is known only after the first sync, and by its id alone until a room or the cache brings its name.
    const user = session.client.getUser(session.userId);
    if (!user || user.displayName === user.userId) return;
    session.client.off(ClientEvent.Sync, onFirstSync);
    listener();
  }
  return () => {
    session.client.off(UserEvent.DisplayName, onUser);
    session.client.off(UserEvent.AvatarUrl, onUser);
    session.client.off(ClientEvent.Sync, onFirstSync);
  };
}

export async function setOwnName(session: Session, name: string): Promise<void> {
  await session.client.setDisplayName(name);
}

/** Uploads a picture and makes it ours; undefined removes it. */
export async function setOwnAvatar(session: Session, file: Blob | undefined): Promise<void> {
  const url = file ? (await session.client.uploadContent(file)).content_uri : '';
  await session.client.setAvatarUrl(url);
}

export async function setOwnPresence(session: Session, presence: PresenceState): Promise<void> {
  await session.client.setPresence({ presence });
}

/** All logins of the account, this one first, then the last seen first. */
export async function fetchDevices(session: Session): Promise<Device[]> {
  const { devices } = await session.client.getDevices();
  return devices
    .map((device) => ({
      deviceId: device.device_id,
      name: device.display_name || undefined,
      isThisOne: device.device_id === session.deviceId,
      lastSeen: device.last_seen_ts,
      lastSeenIp: device.last_seen_ip,
    }))
    .sort((a, b) => Number(b.isThisOne) - Number(a.isThisOne) || (b.lastSeen ?? 0) - (a.lastSeen ?? 0));
}

export async function renameDevice(session: Session, deviceId: string, name: string): Promise<void> {
  await session.client.setDeviceDetails(deviceId, { display_name: name });
}

/** Signs devices out. The server wants the password again. */
export async function deleteDevices(session: Session, deviceIds: readonly string[], password: string): Promise<void> {
  await withPassword(session, password, (auth) => session.client.deleteMultipleDevices([...deviceIds], auth));
}

/** `signOutOthers` ends all other logins, which is what one wants after a password was seen by somebody. */
export async function changePassword(
  session: Session,
  change: { current: string; next: string; signOutOthers: boolean },
): Promise<void> {
  await withPassword(session, change.current, (auth) =>
    session.client.setPassword(auth as AuthDict, change.next, change.signOutOthers),
  );
}

/** User-interactive authentication with the single stage `m.login.password`. */
async function withPassword(session: Session, password: string, request: (auth?: AuthDict) => Promise<unknown>) {
  try {
    await request();
  } catch (error) {
    const { httpStatus, data } = error as { httpStatus?: number; data?: { session?: string; flows?: unknown } };
    if (httpStatus !== 401 || !data?.flows) throw error;
    await request({
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: session.userId },
      password,
      ...(data.session === undefined ? {} : { session: data.session }),
    });
  }
}
