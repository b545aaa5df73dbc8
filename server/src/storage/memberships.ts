import type { RoomId, UserId } from '../protocol/event.ts';
import { int8Array, textArray } from './binary-arrays.ts';
import type { Queryable, Transaction } from './database.ts';
import type { RoomRow } from './rooms.ts';
import { fromStoredText, toStoredText } from './text.ts';

export type MembershipState = 'join' | 'invite' | 'leave' | 'ban' | 'knock';

export interface MembershipRow {
  readonly roomNid: number;
  readonly userId: UserId;
  readonly membership: MembershipState;
  readonly eventNid: number;
  /** Who made it so. */
  readonly sender: UserId;
  readonly server: string;
  /** Log position of the change. */
  readonly position: number;
  readonly displayName: string | null;
  readonly avatarUrl: string | null;
  /** Timeline position at which the user last stopped being joined; null if never. Kept by the database. */
  readonly leftPosition: number | null;
  readonly forgotten: boolean;
  /** Stripped state of an invite or knock, as JSON text. */
  readonly strippedState: string | null;
  /** Server that took a knock on a room that we are not in. */
  readonly via: string | null;
}

interface Row {
  room_nid: number;
  user_id: string;
  membership: MembershipState;
  event_nid: number;
  sender: string;
  server: string;
  position: number;
  display_name: string | null;
  avatar_url: string | null;
  left_position: number | null;
  forgotten: boolean;
  stripped_state: string | null;
  via: string | null;
}

const COLUMNS = `m.room_nid, m.user_id, m.membership, m.event_nid, m.sender, m.server, m.position, m.display_name,
  m.avatar_url, m.left_position, m.forgotten, m.stripped_state, m.via`;

function fromRow(row: Row): MembershipRow {
  return {
    roomNid: row.room_nid,
    userId: fromStoredText(row.user_id) as UserId,
    membership: row.membership,
    eventNid: row.event_nid,
    sender: fromStoredText(row.sender) as UserId,
    server: row.server,
    position: row.position,
    displayName: row.display_name === null ? null : fromStoredText(row.display_name),
    avatarUrl: row.avatar_url === null ? null : fromStoredText(row.avatar_url),
    leftPosition: row.left_position,
    forgotten: row.forgotten,
    strippedState: row.stripped_state,
    via: row.via,
  };
}

const stored = (text: string | null) => (text === null ? null : toStoredText(text));

const WRITE = `INSERT INTO memberships (room_nid, user_id, membership, event_nid, sender, server, position, display_name,
    avatar_url, stripped_state, via, joined_position)
  SELECT m.room_nid, m.user_id, m.membership, m.event_nid, m.sender, m.server, h.position - $12 + m.place, m.display_name,
    m.avatar_url, m.stripped_state, m.via, CASE WHEN m.membership = 'join' THEN h.position - $12 + m.place END
  FROM log_head h, unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::bigint[],
    $8::text[], $9::text[], $10::text[], $11::text[]) AS m (room_nid, user_id, membership, event_nid, sender, server, place,
    display_name, avatar_url, stripped_state, via)
  ON CONFLICT (room_nid, user_id) DO UPDATE SET membership = excluded.membership, event_nid = excluded.event_nid,
    sender = excluded.sender, position = excluded.position, display_name = excluded.display_name,
    avatar_url = excluded.avatar_url, left_position = CASE WHEN memberships.membership = 'join'
      AND excluded.membership <> 'join' THEN excluded.position ELSE memberships.left_position END, stripped_state = excluded.stripped_state,
    via = excluded.via, forgotten = false, joined_position = CASE WHEN memberships.membership = 'join'
      AND excluded.membership = 'join' THEN memberships.joined_position ELSE excluded.joined_position END`;

/**
 * What a change of memberships makes of the numbers of members by server. They are added to, not counted again, so that a change
 * costs the same in a room of any size: the room is locked, and who was joined before is known from its state. A server that is
 * out keeps its row up to the position of the event that took it out: that one is still to be delivered.
 */
const COUNT_SERVERS = `INSERT INTO room_servers (room_nid, server, joined_members, since_position)
  SELECT t.room_nid, t.server, t.joined, h.position - $5 + t.place
  FROM log_head h, unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[]) AS t (room_nid, server, joined, place)
  ON CONFLICT (server, room_nid) DO UPDATE SET joined_members = room_servers.joined_members + excluded.joined_members,
    since_position = CASE WHEN room_servers.joined_members = 0 THEN excluded.since_position
      ELSE room_servers.since_position END,
    until_position = CASE WHEN room_servers.joined_members + excluded.joined_members > 0 THEN NULL
      ELSE excluded.since_position END`;

/** A membership to be written. */
export interface NewMembership
  extends Pick<MembershipRow, 'roomNid' | 'userId' | 'membership' | 'eventNid' | 'sender' | 'server'>,
    Pick<MembershipRow, 'displayName' | 'avatarUrl' | 'strippedState' | 'via'> {
  /** Place among the entries that the transaction has just appended to the log; 1 for the first. */
  readonly place: number;
}

/**
 * Sets memberships, one row per (room, user). Who comes or goes with it is for `countServers`.
 *
 * @param appended how many entries the transaction has just appended to the log: their positions are its last ones. With 0, and
 *   0 as the place of each, the position is one from before what the transaction is about to append
 */
export function writeMemberships(tx: Transaction, rows: readonly NewMembership[], appended: number): void {
  if (rows.length === 0) return;
  tx.enqueue(WRITE, [
    int8Array(rows.map((row) => row.roomNid)),
    textArray(rows.map((row) => toStoredText(row.userId))),
    textArray(rows.map((row) => row.membership)),
    int8Array(rows.map((row) => row.eventNid)),
    textArray(rows.map((row) => toStoredText(row.sender))),
    textArray(rows.map((row) => row.server)),
    int8Array(rows.map((row) => row.place)),
    textArray(rows.map((row) => stored(row.displayName))),
    textArray(rows.map((row) => stored(row.avatarUrl))),
    textArray(rows.map((row) => row.strippedState)),
    textArray(rows.map((row) => row.via)),
    appended,
  ]);
}

/** A user who came or went. */
export interface MemberCountChange extends Pick<NewMembership, 'roomNid' | 'server' | 'place'> {
  /** 1 for who is joined and was not, -1 for who was and is not; 0 for all else. */
  readonly joined: number;
}

/** Writes how many members the servers have in the rooms, and which servers are in them. @param appended as above */
export function countServers(tx: Transaction, changes: readonly MemberCountChange[], appended: number): void {
  const sums = new Map<string, MemberCountChange>();
  for (const change of changes) {
    const key = `${change.roomNid} ${change.server}`;
    const { joined, place } = sums.get(key) ?? { joined: 0, place: 0 };
    sums.set(key, { ...change, joined: joined + change.joined, place: Math.max(place, change.place) });
  }
  const touched = [...sums.values()].filter(({ joined }) => joined !== 0);
  if (touched.length === 0) return;
  tx.enqueue(COUNT_SERVERS, [
    int8Array(touched.map((change) => change.roomNid)),
    textArray(touched.map((change) => change.server)),
    int8Array(touched.map((change) => change.joined)),
    int8Array(touched.map((change) => change.place)),
    appended,
  ]);
}

export async function membershipOf(db: Queryable, roomNid: number, userId: string): Promise<MembershipRow | undefined> {
  const [row] = await db.query<Row>(`SELECT ${COLUMNS} FROM memberships m WHERE m.room_nid = $1 AND m.user_id = $2`, [
    roomNid,
    toStoredText(userId),
  ]);
  return row === undefined ? undefined : fromRow(row);
}

/** The memberships of a user in the given rooms. */
export async function membershipsIn(
  db: Queryable,
  roomNids: readonly number[],
  userId: string,
): Promise<MembershipRow[]> {
  if (roomNids.length === 0) return [];
  const sql = `SELECT ${COLUMNS} FROM memberships m WHERE m.room_nid = ANY ($1::bigint[]) AND m.user_id = $2`;
  return (await db.query<Row>(sql, [roomNids, toStoredText(userId)])).map(fromRow);
}

/** All rooms in which the user has a membership, forgotten ones left out. */
export async function membershipsOfUser(db: Queryable, userId: string): Promise<MembershipRow[]> {
  const sql = `SELECT ${COLUMNS} FROM memberships m WHERE m.user_id = $1 AND NOT m.forgotten`;
  return (await db.query<Row>(sql, [toStoredText(userId)])).map(fromRow);
}

/** Closed accounts looked at in one statement. */
const CLOSED_AT_ONCE = 1_000;
const CLOSED = `SELECT a.user_id, EXISTS (SELECT FROM memberships m WHERE m.user_id = a.user_id
    AND m.membership IN ('join', 'invite', 'knock')) AS is_in_rooms
  FROM accounts a WHERE a.is_deactivated AND a.user_id > $1 ORDER BY a.user_id LIMIT $2`;

/** Users whose accounts are closed and who still are in rooms, invited or knocking. They are read as they are asked for. */
export async function* closedAccountsInRooms(db: Queryable): AsyncIterable<UserId> {
  for (let after = ''; ; ) {
    const rows = await db.query<{ user_id: UserId; is_in_rooms: boolean }>(CLOSED, [after, CLOSED_AT_ONCE]);
    for (const row of rows) if (row.is_in_rooms) yield row.user_id;
    if (rows.length < CLOSED_AT_ONCE) return;
    after = rows.at(-1)?.user_id ?? '';
  }
}

export async function joinedRoomsOf(db: Queryable, userId: string): Promise<RoomId[]> {
  const rows = await db.query<{ room_id: RoomId }>(
    `SELECT r.room_id FROM memberships m JOIN rooms r ON r.nid = m.room_nid WHERE m.user_id = $1 AND m.membership = 'join'`,
    [toStoredText(userId)],
  );
  return rows.map((row) => row.room_id);
}

/** The members of a room as lists show them. There may be very many. */
export async function joinedMembers(
  db: Queryable,
  roomNid: number,
): Promise<Pick<MembershipRow, 'userId' | 'displayName' | 'avatarUrl'>[]> {
  const sql = `SELECT user_id, display_name, avatar_url FROM memberships WHERE room_nid = $1 AND membership = 'join'`;
  const rows = await db.query<Pick<Row, 'user_id' | 'display_name' | 'avatar_url'>>(sql, [roomNid]);
  return rows.map((row) => ({
    userId: fromStoredText(row.user_id) as UserId,
    displayName: row.display_name === null ? null : fromStoredText(row.display_name),
    avatarUrl: row.avatar_url === null ? null : fromStoredText(row.avatar_url),
  }));
}

/** Somebody of a server who is joined to the room and not among those left out; undefined when there is nobody. */
export async function someoneJoined(
  db: Queryable,
  roomNid: number,
  server: string,
  leftOut: readonly UserId[],
): Promise<UserId | undefined> {
  const [row] = await db.query<{ user_id: string }>(
    `SELECT user_id FROM memberships WHERE room_nid = $1 AND server = $2 AND membership = 'join' AND user_id <> ALL ($3::text[])
     LIMIT 1`,
    [roomNid, server, leftOut.map(toStoredText)],
  );
  return row === undefined ? undefined : (fromStoredText(row.user_id) as UserId);
}

/** Users of a server that are or have been in a room, or were invited to it. */
export async function usersOfServer(db: Queryable, roomNid: number, server: string): Promise<UserId[]> {
  const sql = 'SELECT user_id FROM memberships WHERE room_nid = $1 AND server = $2';
  return (await db.query<{ user_id: string }>(sql, [roomNid, server])).map(
    (row) => fromStoredText(row.user_id) as UserId,
  );
}

/** Of the given users, those who are in the room. */
export async function joinedAmong(db: Queryable, roomNid: number, userIds: readonly UserId[]): Promise<Set<UserId>> {
  const rows = await db.query<{ user_id: string }>(
    `SELECT user_id FROM memberships WHERE room_nid = $1 AND user_id = ANY ($2::text[]) AND membership = 'join'`,
    [roomNid, userIds.map(toStoredText)],
  );
  return new Set(rows.map((row) => fromStoredText(row.user_id) as UserId));
}

/** Number of members by membership, for room summaries. Cheap also for large rooms: see `joinedCounts`; invites are few. */
export async function memberCounts(
  db: Queryable,
  roomNids: readonly number[],
): Promise<Map<number, { joined: number; invited: number }>> {
  const rows = await db.query<{ room_nid: number; joined: number; invited: number }>(
    `SELECT wanted.room_nid,
       (SELECT coalesce(sum(s.joined_members), 0) FROM room_servers s WHERE s.room_nid = wanted.room_nid)::int AS joined,
       (SELECT count(*) FROM memberships m WHERE m.room_nid = wanted.room_nid AND m.membership = 'invite')::int AS invited
     FROM unnest($1::bigint[]) AS wanted (room_nid)`,
    [roomNids],
  );
  return new Map(rows.map((row) => [row.room_nid, { joined: row.joined, invited: row.invited }]));
}

/** Number of joined members. Cheap also for large rooms: they are counted when they come and go. */
export async function joinedCounts(db: Queryable, roomNids: readonly number[]): Promise<Map<number, number>> {
  const rows = await db.query<{ room_nid: number; joined: number }>(
    `SELECT room_nid, sum(joined_members)::int AS joined FROM room_servers WHERE room_nid = ANY ($1::bigint[])
     GROUP BY room_nid`,
    [roomNids],
  );
  return new Map(rows.map((row) => [row.room_nid, row.joined]));
}

const HEROES = `SELECT ${COLUMNS} FROM unnest($1::bigint[]) AS wanted (room_nid) CROSS JOIN LATERAL (
    SELECT * FROM memberships m WHERE m.room_nid = wanted.room_nid AND m.user_id <> $2
      AND m.membership IN ('join', 'invite', 'leave', 'ban')
    ORDER BY m.membership NOT IN ('join', 'invite'), m.position, m.user_id LIMIT 5) m`;

/**
 * Up to five others per room by whom a room without a name may be called (`m.heroes`): those who are in it or invited, and
 * only where there are none, those who have left.
 */
export async function heroes(db: Queryable, roomNids: readonly number[], userId: string): Promise<MembershipRow[]> {
  if (roomNids.length === 0) return [];
  const rows = (await db.query<Row>(HEROES, [roomNids, toStoredText(userId)])).map(fromRow);
  const isPresent = ({ membership }: MembershipRow) => membership === 'join' || membership === 'invite';
  const inhabited = new Set(rows.filter(isPresent).map((row) => row.roomNid));
  return rows.filter((row) => isPresent(row) || !inhabited.has(row.roomNid));
}

/** @returns whether there was a membership to forget; rooms that the user is in or invited to stay */
export async function forgetMembership(db: Queryable, roomNid: number, userId: string): Promise<boolean> {
  const rows = await db.query(
    `UPDATE memberships SET forgotten = true WHERE room_nid = $1 AND user_id = $2 AND membership IN ('leave', 'ban')
     RETURNING 1`,
    [roomNid, toStoredText(userId)],
  );
  return rows.length > 0;
}

/** Joined users of a server, those who have been in the room for longest first; the others are not read. */
export async function longestJoined(db: Queryable, roomNid: number, server: string, limit: number): Promise<UserId[]> {
  const rows = await db.query<{ user_id: string }>(
    `SELECT user_id FROM memberships WHERE room_nid = $1 AND server = $2 AND membership = 'join'
     ORDER BY joined_position LIMIT $3`,
    [roomNid, server, limit],
  );
  return rows.map((row) => fromStoredText(row.user_id) as UserId);
}

export async function serverIsJoined(db: Queryable, roomNid: number, server: string): Promise<boolean> {
  const rows = await db.query('SELECT 1 FROM room_servers WHERE room_nid = $1 AND server = $2 AND joined_members > 0', [
    roomNid,
    server,
  ]);
  return rows.length > 0;
}

/** Those of the given rooms that a server is in. */
export async function roomsOfServer(db: Queryable, roomIds: readonly RoomId[], server: string): Promise<RoomRow[]> {
  if (roomIds.length === 0) return [];
  return await db.query<RoomRow>(
    `SELECT r.nid, r.room_id AS "roomId", r.version FROM rooms r
     JOIN room_servers s ON s.room_nid = r.nid AND s.server = $2 AND s.joined_members > 0
     WHERE r.room_id = ANY ($1::text[])`,
    [roomIds.filter((roomId) => !roomId.includes('\0')), server],
  );
}

/** Of the given rooms, those that a server is in or has a user invited to. */
export async function roomsOpenToServer(
  db: Queryable,
  roomNids: readonly number[],
  server: string,
): Promise<Set<number>> {
  if (roomNids.length === 0) return new Set();
  const rows = await db.query<{ room_nid: number }>(
    `SELECT room_nid FROM room_servers WHERE room_nid = ANY ($1::bigint[]) AND server = $2 AND joined_members > 0
     UNION SELECT room_nid FROM memberships WHERE room_nid = ANY ($1::bigint[]) AND server = $2 AND membership = 'invite'`,
    [roomNids, server],
  );
  return new Set(rows.map((row) => row.room_nid));
}

/** Servers with a joined member. */
export async function serversInRoom(db: Queryable, roomNid: number): Promise<string[]> {
  const rows = await db.query<{ server: string }>(
    'SELECT server FROM room_servers WHERE room_nid = $1 AND joined_members > 0 ORDER BY joined_members DESC',
    [roomNid],
  );
  return rows.map((row) => row.server);
}
