import { randomBytes } from 'node:crypto';
import { Limiter } from '../base/limiter.ts';
import { badJson, invalidParam, MatrixError, unavailable } from '../protocol/errors.ts';
import type { RoomId, UserId } from '../protocol/event.ts';
import { roomIdOf } from '../protocol/event-hashes.ts';
import { hashAndSignEvent, type UnsignedPdu } from '../protocol/event-signing.ts';
import { isRoomAlias, isUserId, serverNameOf } from '../protocol/identifiers.ts';
import { isJsonObject, type JsonObject } from '../protocol/json.ts';
import { DEFAULT_ROOM_VERSION, type RoomVersion, roomVersion } from '../protocol/room-versions.ts';
import { findAlias, insertAliasWith, isAliasTaken } from '../storage/room-aliases.ts';
import { publishWith } from '../storage/room-directory.ts';
import { aliasesIn, badAlias } from './canonical-alias.ts';
import { inviteUser, thirdPartyIdDenied } from './invite.ts';
import { memberContent } from './membership.ts';
import type { OpenRoom } from './open-room.ts';
import type { RoomParts } from './room-parts.ts';
import type { Sender } from './send.ts';

export type Preset = 'private_chat' | 'public_chat' | 'trusted_private_chat';

/** Body of `POST /createRoom` once its form has been checked. */
export interface RoomRequest {
  readonly visibility?: 'public' | 'private';
  readonly room_alias_name?: string;
  readonly name?: string;
  readonly topic?: string;
  readonly invite?: readonly string[];
  readonly invite_3pid?: readonly JsonObject[];
  readonly room_version?: string;
  readonly creation_content?: JsonObject;
  readonly initial_state?: readonly { type: string; state_key?: string; content: JsonObject }[];
  readonly preset?: Preset;
  readonly is_direct?: boolean;
  readonly power_level_content_override?: JsonObject;
}

const PRESETS: Record<Preset, { joinRule: string; guestAccess: string }> = {
  private_chat: { joinRule: 'invite', guestAccess: 'can_join' },
  trusted_private_chat: { joinRule: 'invite', guestAccess: 'can_join' },
  public_chat: { joinRule: 'public', guestAccess: 'forbidden' },
};

/**
 * Makes a room (Client-Server API, `POST /createRoom`): all its first events, its alias and its place in the directory in one
 * transaction, then the invites. Once there is a room it is answered, whoever could not be invited.
 *
 * @throws MatrixError M_UNSUPPORTED_ROOM_VERSION, M_ROOM_IN_USE, M_INVALID_ROOM_STATE, M_INVALID_PARAM, M_BAD_ALIAS,
 *   M_THREEPID_DENIED
 */
export async function createRoom(parts: RoomParts, sender: Sender, request: RoomRequest): Promise<RoomId> {
  const version = roomVersion(request.room_version ?? DEFAULT_ROOM_VERSION);
  if (version === undefined)
    throw new MatrixError('M_UNSUPPORTED_ROOM_VERSION', 'This server does not make rooms of that version.', 400);
  if (request.invite_3pid !== undefined && request.invite_3pid.length > 0)
    // A room without somebody who was to be in it is not the room asked for.
    throw thirdPartyIdDenied();
  const invitees = checkInvitees(request.invite ?? [], sender.userId);
  const alias = await checkAlias(parts, request.room_alias_name);
  const preset = request.preset ?? (request.visibility === 'public' ? 'public_chat' : 'private_chat');
  const trusted = preset === 'trusted_private_chat' ? invitees : [];

  const fill = async (open: OpenRoom) => {
    await appendFirstState(parts, open, sender, request, { preset, trusted, alias });
    const { nid } = open.room;
    if (alias !== undefined)
      open.alongside.push((tx) => insertAliasWith(tx, { alias, roomNid: nid, creator: sender.userId }));
    if (request.visibility === 'public') open.alongside.push((tx) => publishWith(tx, nid));
  };
  const template = createTemplate(parts, sender, request, version, trusted);
  const roomId = await makeRoom(parts, version, template, fill).catch((error: unknown) => {
    throw isAliasTaken(error) ? aliasInUse() : asInvalidState(error);
  });
  await inviteFirst(parts, sender, roomId, invitees, request.is_direct ?? false);
  return roomId;
}

/** Servers that are asked for their users at a time. */
const SERVERS_AT_A_TIME = 8;
/** After this time the room is answered, and whoever has not been invited by then is not. */
const INVITES_MS = 30_000;

/**
 * Invites those with whom a room starts: local users together, then the users of each other server one after the other, a few
 * servers at a time. Whoever cannot be invited is reported to the log and may be invited again later.
 */
async function inviteFirst(
  parts: RoomParts,
  sender: Sender,
  roomId: RoomId,
  invitees: readonly UserId[],
  isDirect: boolean,
): Promise<void> {
  const deadline = AbortSignal.timeout(INVITES_MS);
  const invite = async (userId: UserId) => {
    try {
      if (deadline.aborted) throw unavailable('There was no time left for this invite.');
      await inviteUser(parts, sender, roomId, { userId, isDirect }, deadline);
    } catch (error) {
      parts.onError(new Error(`${userId} could not be invited to the new room ${roomId}.`, { cause: error }));
    }
  };
  const byServer = Map.groupBy(invitees, (userId) => serverNameOf(userId));
  await Promise.all((byServer.get(parts.serverName) ?? []).map(invite));
  byServer.delete(parts.serverName);
  const servers = new Limiter(SERVERS_AT_A_TIME);
  const inviteAll = async (users: readonly UserId[]) => {
    for (const userId of users) await invite(userId);
  };
  await Promise.all([...byServer.values()].map((users) => servers.run(() => inviteAll(users))));
}

/** Creations of the same user with the same content that are told apart by their milliseconds. */
const MAX_TIES = 1_000;

/**
 * Makes a room of its create event and what `fill` adds. Where the room's id is the hash of that event, two that are made alike in
 * the same millisecond would be one room: the later one is then dated a millisecond on.
 */
async function makeRoom(
  parts: RoomParts,
  version: RoomVersion,
  template: UnsignedPdu,
  fill: (open: OpenRoom) => Promise<void>,
): Promise<RoomId> {
  for (let tie = 0; tie < MAX_TIES; tie++) {
    const dated = { ...template, origin_server_ts: template.origin_server_ts + tie };
    const create = hashAndSignEvent(dated, version, parts.serverName, parts.signingKey);
    const roomId = roomIdOf(create.pdu, create.eventId);
    const isNew = await parts.writer.writeNew(roomId, version.id, async (open) => {
      await open.appendSigned(create, {}, [], new Map());
      await fill(open);
    });
    if (isNew) return roomId;
  }
  throw unavailable('Too many rooms are being made at once. Try again in a moment.');
}

function asInvalidState(error: unknown): unknown {
  if (!(error instanceof MatrixError) || error.errcode !== 'M_FORBIDDEN') return error;
  return new MatrixError('M_INVALID_ROOM_STATE', `The room cannot start like this: ${error.message}`, 400);
}

function aliasInUse(): MatrixError {
  return new MatrixError('M_ROOM_IN_USE', 'This alias is taken.', 400);
}

function checkInvitees(invite: readonly string[], creator: UserId): UserId[] {
  if (invite.length > 500) throw invalidParam('At most 500 people can be invited at once.');
  const users = new Set<UserId>();
  for (const userId of invite) {
    if (!isUserId(userId)) throw invalidParam(`${userId} is not a user id.`);
    if (userId !== creator) users.add(userId);
  }
  return [...users];
}

async function checkAlias(parts: RoomParts, localpart: string | undefined): Promise<`#${string}` | undefined> {
  if (localpart === undefined || localpart === '') return undefined;
  const alias = `#${localpart}:${parts.serverName}`;
  if (/[:\0\s#]/.test(localpart) || !isRoomAlias(alias)) throw invalidParam('The alias is not well-formed.');
  if ((await findAlias(parts.db, alias)) !== undefined) throw aliasInUse();
  return alias;
}

function createTemplate(
  parts: RoomParts,
  sender: Sender,
  request: RoomRequest,
  version: RoomVersion,
  trusted: readonly UserId[],
): UnsignedPdu {
  const { creator: _, room_version: __, ...extra } = request.creation_content ?? {};
  const content: JsonObject = { ...extra, room_version: version.id };
  if (version.creatorInContent) content.creator = sender.userId;
  if (version.trustedInvitees === 'additional creators' && trusted.length > 0) {
    const given = extra.additional_creators ?? [];
    if (!Array.isArray(given)) throw badJson('additional_creators must be a list of user ids.');
    content.additional_creators = [...new Set([...given, ...trusted])];
  }
  const roomId: RoomId = `!${randomBytes(18).toString('base64url')}:${parts.serverName}`;
  return {
    type: 'm.room.create',
    ...(version.roomIdInCreateEvent ? { room_id: roomId } : {}),
    sender: sender.userId,
    state_key: '',
    content,
    depth: 1,
    origin_server_ts: parts.clock.now(),
    prev_events: [],
    auth_events: [],
  };
}

interface Choices {
  readonly preset: Preset;
  readonly trusted: readonly UserId[];
  readonly alias: `#${string}` | undefined;
}

async function appendFirstState(
  parts: RoomParts,
  open: OpenRoom,
  sender: Sender,
  request: RoomRequest,
  choices: Choices,
): Promise<void> {
  const set = async (type: string, content: JsonObject, stateKey = '') =>
    void (await open.append({ type, stateKey, sender: sender.userId, content, deviceId: sender.deviceId }));
  await set('m.room.member', await memberContent(parts, sender.userId, 'join'), sender.userId);
  const initial = request.initial_state ?? [];
  if (initial.length > 500) throw invalidParam('initial_state may hold at most 500 events.');
  const given = new Set(initial.filter((event) => (event.state_key ?? '') === '').map((event) => event.type));
  const initialLevels = initial.find((event) => event.type === 'm.room.power_levels' && !event.state_key)?.content;
  await set('m.room.power_levels', {
    ...(initialLevels ?? defaultPowerLevels(open.version, sender.userId, choices.trusted)),
    ...request.power_level_content_override,
  });
  if (choices.alias !== undefined) await set('m.room.canonical_alias', { alias: choices.alias });
  const preset = PRESETS[choices.preset];
  if (!given.has('m.room.join_rules')) await set('m.room.join_rules', { join_rule: preset.joinRule });
  if (!given.has('m.room.history_visibility')) await set('m.room.history_visibility', { history_visibility: 'shared' });
  if (!given.has('m.room.guest_access')) await set('m.room.guest_access', { guest_access: preset.guestAccess });
  for (const event of initial) {
    if (!isJsonObject(event.content)) throw badJson('The content of an initial state event must be an object.');
    if (event.type === 'm.room.power_levels' && !event.state_key) continue;
    if (event.type === 'm.room.canonical_alias' && !event.state_key) requireOnly(choices.alias, event.content);
    await set(event.type, event.content, event.state_key ?? '');
  }
  if (request.name !== undefined && request.name !== '') await set('m.room.name', { name: request.name });
  if (request.topic !== undefined && request.topic !== '') await set('m.room.topic', topicContent(request.topic));
}

/** No alias but the room's first can lead to it yet. @throws MatrixError M_INVALID_PARAM, M_BAD_ALIAS */
function requireOnly(alias: `#${string}` | undefined, content: JsonObject): void {
  for (const given of aliasesIn(content)) if (given !== alias) throw badAlias(given);
}

/** Both forms of a topic: the plain one and the extensible one (`m.topic`). */
export function topicContent(topic: string): JsonObject {
  return { topic, 'm.topic': { 'm.text': [{ body: topic, mimetype: 'text/plain' }] } };
}

function defaultPowerLevels(version: RoomVersion, creator: UserId, trusted: readonly UserId[]): JsonObject {
  const users: JsonObject = {};
  if (!version.creatorsHaveInfinitePower) {
    users[creator] = 100;
    if (version.trustedInvitees === 'power of creator') for (const userId of trusted) users[userId] = 100;
  }
  return {
    users,
    users_default: 0,
    events: {
      'm.room.name': 50,
      'm.room.power_levels': 100,
      'm.room.history_visibility': 100,
      'm.room.canonical_alias': 50,
      'm.room.avatar': 50,
      'm.room.tombstone': version.tombstoneAboveStateDefault ? 150 : 100,
      'm.room.server_acl': 100,
      'm.room.encryption': 100,
    },
    events_default: 0,
    state_default: 50,
    ban: 50,
    kick: 50,
    redact: 50,
    invite: 0,
  };
}
