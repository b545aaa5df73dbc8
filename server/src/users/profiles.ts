import { forbidden, invalidParam, MatrixError, missingParam, notFound } from '../protocol/errors.ts';
import type { ServerName, UserId } from '../protocol/event.ts';
import { isUserId, parseMxcUri, serverNameOf } from '../protocol/identifiers.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../protocol/json.ts';
import type { Database } from '../storage/database.ts';
import { findProfile, holdProfile, updateProfile } from '../storage/profiles.ts';

/** Largest profile as JSON, in bytes (Client-Server API, "Profiles"). */
const MAX_PROFILE_BYTES = 64 * 1024;
const MAX_KEY_BYTES = 255;
/** Display names and avatar URLs end up in the member events of every room. */
const MAX_DISPLAY_NAME_BYTES = 256;
const MAX_AVATAR_URL_BYTES = 1000;

const FIELD_NAME = /^(avatar_url|displayname|m\.tz|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+)$/;

export interface Profiles {
  /** The whole profile of a local or remote user; throws 404 where there is none. */
  get(userId: string): Promise<JsonObject>;
  /** One field of a profile; throws 404 where it is not set. */
  getField(userId: string, field: string): Promise<JsonValue>;
  /** The whole profile of a local user, undefined where there is none: all that other servers get. */
  getLocal(userId: UserId): Promise<JsonObject | undefined>;
  /** `body` holds the value under the field's name. */
  setField(userId: UserId, field: string, body: JsonObject): Promise<void>;
  deleteField(userId: UserId, field: string): Promise<void>;
}

export function createProfiles(options: {
  db: Database;
  serverName: ServerName;
  /** Asks the user's server; throws what a client may see. */
  queryRemoteProfile(userId: UserId, field?: string): Promise<JsonObject>;
  /** Called after display name or avatar have changed, to put them into the user's member events. Runs in the background. */
  onMemberProfileChanged(userId: UserId): void;
}): Profiles {
  const { db, serverName, queryRemoteProfile, onMemberProfileChanged } = options;

  async function read(userId: string, field?: string): Promise<JsonObject> {
    if (!isUserId(userId)) throw invalidParam('The user id is not valid.');
    if (serverNameOf(userId) !== serverName) return await queryRemoteProfile(userId, field);
    const profile = await findProfile(db, userId);
    if (profile === undefined) throw notFound('There is no such user.');
    return profile;
  }

  async function change(userId: UserId, field: string, apply: (profile: JsonObject) => void): Promise<void> {
    const changed = await db.transaction(async (tx) => {
      const profile = await holdProfile(tx, userId);
      if (profile === undefined) throw forbidden('There is no profile to change.');
      const before = JSON.stringify(profile[field]);
      apply(profile);
      if (JSON.stringify(profile[field]) === before) return false;
      const fields = JSON.stringify(profile);
      if (Buffer.byteLength(fields) > MAX_PROFILE_BYTES)
        throw new MatrixError('M_PROFILE_TOO_LARGE', 'A profile may have at most 64 KiB.', 400);
      const { displayname, avatar_url } = profile;
      await updateProfile(tx, userId, {
        fields,
        displayName: typeof displayname === 'string' ? displayname : null,
        avatarUrl: typeof avatar_url === 'string' ? avatar_url : null,
      });
      return true;
    });
    if (changed && (field === 'displayname' || field === 'avatar_url')) onMemberProfileChanged(userId);
  }

  return {
    get: async (userId) => await read(userId),

    async getField(userId, field) {
      requireFieldName(field);
      const profile = await read(userId, field);
      const value = Object.hasOwn(profile, field) ? profile[field] : undefined;
      if (value === undefined) throw notFound('The profile has no such field.');
      return value;
    },

    getLocal: async (userId) => await findProfile(db, userId),

    async setField(userId, field, body) {
      requireFieldName(field);
      const value = body[field];
      if (value === undefined) throw missingParam(`The body must have the key \`${field}\`.`);
      requireFieldValue(field, value);
      await change(userId, field, (profile) => {
        // An empty avatar is how older clients take theirs away.
        if (field === 'avatar_url' && value === '') delete profile[field];
        else profile[field] = value;
      });
    },

    async deleteField(userId, field) {
      requireFieldName(field);
      await change(userId, field, (profile) => {
        delete profile[field];
      });
    },
  };
}

function requireFieldName(field: string): void {
  if (Buffer.byteLength(field) > MAX_KEY_BYTES)
    throw new MatrixError('M_KEY_TOO_LARGE', 'The name of a profile field may have at most 255 bytes.', 400);
  if (!FIELD_NAME.test(field)) throw invalidParam('This is no name of a profile field.');
}

function requireFieldValue(field: string, value: JsonValue): void {
  if (field === 'displayname') requireText(field, value, MAX_DISPLAY_NAME_BYTES);
  if (field === 'm.tz') requireText(field, value, MAX_KEY_BYTES);
  if (field !== 'avatar_url') return;
  requireText(field, value, MAX_AVATAR_URL_BYTES);
  if (value !== '' && parseMxcUri(value as string) === undefined)
    throw invalidParam('`avatar_url` must be an mxc:// URI.');
}

function requireText(field: string, value: JsonValue, maxBytes: number): void {
  if (typeof value !== 'string') throw invalidParam(`\`${field}\` must be a string.`);
  requireStorable(field, value, maxBytes);
}

function requireStorable(field: string, text: string, maxBytes: number): void {
  if (!text.isWellFormed() || text.includes('\0'))
    throw invalidParam(`\`${field}\` holds characters that are not allowed.`);
  if (Buffer.byteLength(text) > maxBytes)
    throw new MatrixError('M_TOO_LARGE', `\`${field}\` may have at most ${maxBytes} bytes.`, 400);
}

/** Narrows a profile as a peer sent it to what may be shown: an object, with the two known fields of their type (A1.7). */
export function cleanRemoteProfile(answer: unknown): JsonObject {
  const profile: JsonObject = Object.create(null);
  if (!isJsonObject(answer)) return profile;
  for (const [key, value] of Object.entries(answer)) {
    if ((key === 'displayname' || key === 'avatar_url') && typeof value !== 'string') continue;
    profile[key] = value;
  }
  return profile;
}
