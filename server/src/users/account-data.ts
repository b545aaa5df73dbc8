import { invalidParam, MatrixError, notFound, tooLarge } from '../protocol/errors.ts';
import type { RoomId, UserId } from '../protocol/event.ts';
import { isRoomId } from '../protocol/identifiers.ts';
import { isJsonObject, type JsonObject } from '../protocol/json.ts';
import {
  type AccountDataRow,
  accountDataSize,
  findAccountData,
  findAccountDataSince,
  holdAccountData,
  putAccountData,
} from '../storage/account-data.ts';
import type { Database, Queryable, Transaction } from '../storage/database.ts';
import { PUSH_RULES, shownPushRules } from './push-rules.ts';

const FULLY_READ = 'm.fully_read';
const TAG = 'm.tag';
const MAX_TYPE_BYTES = 255;
/** Pieces of account data of a user, and bytes of all of them as JSON: an initial sync carries them all. */
const MAX_ENTRIES = 20_000;
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_TAGS = 100;

/** One piece of account data as clients see it. */
export interface AccountData {
  readonly type: string;
  readonly content: JsonObject;
}

/**
 * Account data of a user, global and per room, that changed after position `since` and up to `until`. From 0 on it is all there
 * is, always with `m.push_rules`, also of a user who never changed any.
 */
export async function accountDataSince(
  db: Queryable,
  userId: UserId,
  since: number,
  until: number = Number.MAX_SAFE_INTEGER,
): Promise<{ global: AccountData[]; rooms: Map<RoomId, AccountData[]> }> {
  const rows = await findAccountDataSince(db, userId, since, until);
  const global = rows.filter((row) => row.roomId === '').map((row) => shown(userId, row));
  if (since === 0 && !global.some((data) => data.type === PUSH_RULES))
    global.push({ type: PUSH_RULES, content: shownPushRules(userId, undefined) });
  const rooms = new Map<RoomId, AccountData[]>();
  for (const row of rows) {
    if (row.roomId === '') continue;
    const list = rooms.get(row.roomId as RoomId) ?? [];
    list.push({ type: row.type, content: row.content });
    rooms.set(row.roomId as RoomId, list);
  }
  return { global, rooms };
}

function shown(userId: UserId, row: AccountDataRow): AccountData {
  return { type: row.type, content: row.type === PUSH_RULES ? shownPushRules(userId, row.content) : row.content };
}

/** `roomId` undefined: global. Throws 404 where there is none of this type. */
export async function getAccountData(
  db: Database,
  userId: UserId,
  roomId: string | undefined,
  type: string,
): Promise<JsonObject> {
  requireRoomId(roomId);
  const content = await findAccountData(db, userId, roomId ?? '', type);
  if (type === PUSH_RULES && roomId === undefined) return shownPushRules(userId, content);
  if (content === undefined) throw notFound('There is no account data of this type.');
  return content;
}

/** Throws 405 for the types that the server looks after itself. */
export async function setAccountData(
  db: Database,
  userId: UserId,
  roomId: string | undefined,
  type: string,
  content: JsonObject,
): Promise<void> {
  requireRoomId(roomId);
  if (type === FULLY_READ || type === PUSH_RULES)
    throw new MatrixError('M_BAD_JSON', `${type} cannot be set through this API.`, 405);
  if (Buffer.byteLength(type) > MAX_TYPE_BYTES) throw invalidParam('The type is too long.');
  await db.transaction(async (tx) => {
    await requireSpace(tx, userId, { roomId: roomId ?? '', type, content });
    await putAccountData(tx, { userId, roomId: roomId ?? '', type, content });
  });
}

/** Throws 413 when the user would have too much account data. */
async function requireSpace(
  tx: Transaction,
  userId: UserId,
  data: { roomId: string; type: string; content: JsonObject },
): Promise<void> {
  const { entries, bytes } = await accountDataSize(tx, userId, data);
  if (entries >= MAX_ENTRIES || bytes + Buffer.byteLength(JSON.stringify(data.content)) > MAX_BYTES)
    throw tooLarge('You have too much account data.');
}

/** The tags that a user gave a room: tag name → tag. */
export async function tagsOf(db: Database, userId: UserId, roomId: string): Promise<JsonObject> {
  requireRoomId(roomId);
  return tagsIn(await findAccountData(db, userId, roomId, TAG));
}

export async function setTag(
  db: Database,
  userId: UserId,
  roomId: string,
  tag: string,
  info: JsonObject,
): Promise<void> {
  if (Buffer.byteLength(tag) > MAX_TYPE_BYTES) throw invalidParam('The name of a tag may have at most 255 bytes.');
  const { order } = info;
  if (order !== undefined && (typeof order !== 'number' || order < 0 || order > 1))
    throw invalidParam('`order` must be a number from 0 to 1.');
  await changeTags(db, userId, roomId, (tags) => {
    tags[tag] = info;
    return true;
  });
}

export async function deleteTag(db: Database, userId: UserId, roomId: string, tag: string): Promise<void> {
  await changeTags(db, userId, roomId, (tags) => {
    const isThere = Object.hasOwn(tags, tag);
    delete tags[tag];
    return isThere;
  });
}

/** `apply` answers whether it changed anything. */
async function changeTags(
  db: Database,
  userId: UserId,
  roomId: string,
  apply: (tags: JsonObject) => boolean,
): Promise<void> {
  requireRoomId(roomId);
  await db.transaction(async (tx) => {
    const tags = tagsIn(await holdAccountData(tx, userId, roomId, TAG));
    if (!apply(tags)) return;
    if (Object.keys(tags).length > MAX_TAGS) throw invalidParam(`A room may have at most ${MAX_TAGS} tags.`);
    await requireSpace(tx, userId, { roomId, type: TAG, content: { tags } });
    await putAccountData(tx, { userId, roomId, type: TAG, content: { tags } });
  });
}

function tagsIn(content: JsonObject | undefined): JsonObject {
  return isJsonObject(content?.tags) ? content.tags : Object.create(null);
}

function requireRoomId(roomId: string | undefined): void {
  if (roomId !== undefined && !isRoomId(roomId)) throw invalidParam('The room id is not valid.');
}
