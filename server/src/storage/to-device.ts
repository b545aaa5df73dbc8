import type { UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import { parsePeerJson } from '../protocol/json-parser.ts';
import type { Queryable, Transaction } from './database.ts';
import { appendLog } from './log.ts';
import { fromStoredText, toStoredText } from './text.ts';
import { insertOutgoing, type OutgoingMessages } from './to-device-outbox.ts';

/** A message to a device of ours. */
export interface DeviceMessage {
  readonly userId: UserId;
  /** '*' for all devices of the user. */
  readonly deviceId: string;
  readonly content: JsonObject;
}

/** What messages of one request or EDU have in common. */
export interface DeviceMessageOrigin {
  readonly sender: UserId;
  /** Who answers for how many there are: the sender, or their server where that is another one. */
  readonly source: string;
  readonly type: string;
}

/** Messages that wait for one device. */
const MAX_WAITING = 2_000;

// Locked in one order, so that none of them is deleted before its message is there, and nobody waits in a circle.
const RESOLVE = `SELECT d.user_id AS "userId", d.device_id AS "deviceId", m.n::int
  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS m (user_id, device_id, n)
  JOIN devices d ON d.user_id = m.user_id AND (m.device_id = '*' OR d.device_id = m.device_id)
  ORDER BY d.user_id, d.device_id, m.n FOR KEY SHARE OF d`;

/** Makes room for one message more: where a device has no room left, whoever has most messages there loses the oldest (A2.3). */
const MAKE_ROOM = `WITH full_ones AS (SELECT user_id, device_id, count(*) - $3 + 1 AS surplus FROM to_device
    WHERE (user_id, device_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
    GROUP BY user_id, device_id HAVING count(*) >= $3),
  by_source AS (SELECT user_id, device_id, source, surplus, count(*) AS messages
    FROM to_device JOIN full_ones USING (user_id, device_id) GROUP BY user_id, device_id, source, surplus),
  worst AS (SELECT DISTINCT ON (user_id, device_id) * FROM by_source ORDER BY user_id, device_id, messages DESC)
  DELETE FROM to_device WHERE id IN (SELECT oldest.id FROM worst w CROSS JOIN LATERAL (SELECT t.id FROM to_device t
    WHERE t.user_id = w.user_id AND t.device_id = w.device_id AND t.source = w.source ORDER BY t.id LIMIT w.surplus) oldest)`;

const INSERT = `INSERT INTO to_device (user_id, device_id, content, position, sender, source, type)
  SELECT m.*, $5, $6, $7 FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS m`;

/**
 * Stores messages for devices of ours and EDUs for other servers; the last thing in its transaction. Messages for users and
 * devices that do not exist are left out.
 */
export async function putToDevice(
  tx: Transaction,
  origin: DeviceMessageOrigin,
  messages: readonly DeviceMessage[],
  outgoing: readonly OutgoingMessages[],
): Promise<void> {
  const found = await resolve(tx, messages);
  if (found.length > 0)
    await tx.query(MAKE_ROOM, [found.map((row) => row.userId), found.map((row) => row.deviceId), MAX_WAITING]);
  const users = [...new Set(found.map((row) => row.userId))];
  if (users.length + outgoing.length === 0) return;
  const first = await appendLog(tx, [
    ...users.map((userId) => ({ kind: 'to_device', userId }) as const),
    ...(outgoing.length > 0 ? [{ kind: 'to_device' } as const] : []),
  ]);
  const positions = new Map(users.map((userId, index) => [userId, first + index]));
  if (found.length > 0)
    tx.enqueue(INSERT, [
      found.map((row) => row.userId),
      found.map((row) => row.deviceId),
      found.map((row) => row.content),
      found.map((row) => positions.get(row.userId)),
      toStoredText(origin.sender),
      origin.source,
      toStoredText(origin.type),
    ]);
  if (outgoing.length > 0) insertOutgoing(tx, origin.sender, first + users.length, outgoing);
}

interface Resolved {
  /** As stored, like the device id. */
  readonly userId: string;
  readonly deviceId: string;
  readonly content: string;
}

/** The devices that are there, each with the last message for it. */
async function resolve(tx: Transaction, messages: readonly DeviceMessage[]): Promise<Resolved[]> {
  if (messages.length === 0) return [];
  const rows = await tx.query<{ userId: string; deviceId: string; n: number }>(RESOLVE, [
    messages.map(({ userId }) => toStoredText(userId)),
    messages.map(({ deviceId }) => toStoredText(deviceId)),
  ]);
  const found = new Map<string, Resolved>();
  for (const { userId, deviceId, n } of rows) {
    const content = JSON.stringify(messages[n - 1]?.content);
    found.set(`${userId} ${deviceId}`, { userId, deviceId, content });
  }
  return [...found.values()];
}

export interface WaitingMessage {
  readonly sender: UserId;
  readonly type: string;
  readonly content: JsonObject;
  readonly position: number;
}

const TAKE = `WITH confirmed AS (DELETE FROM to_device WHERE user_id = $1 AND device_id = $2 AND position <= $3)
  SELECT sender, type, content, position FROM to_device
  WHERE user_id = $1 AND device_id = $2 AND position > $3 ORDER BY position LIMIT $4`;

/** Messages of a device after `confirmed`, the oldest first. The device has got those up to `confirmed`: they are forgotten. */
export async function takeWaitingMessages(
  db: Queryable,
  device: { readonly userId: UserId; readonly deviceId: string },
  span: { readonly confirmed: number; readonly limit: number },
): Promise<WaitingMessage[]> {
  const rows = await db.query<{ sender: string; type: string; content: string; position: number }>(TAKE, [
    toStoredText(device.userId),
    toStoredText(device.deviceId),
    span.confirmed,
    span.limit,
  ]);
  return rows.map((row) => ({
    sender: fromStoredText(row.sender) as UserId,
    type: fromStoredText(row.type),
    content: parsePeerJson(row.content) as JsonObject,
    position: row.position,
  }));
}

/** Message ids that are remembered of each server. A transaction is repeated until it is answered, and holds 100 at most. */
const REMEMBERED = 1_000;

const REMEMBER = `WITH old AS (DELETE FROM received_to_device WHERE server = $1 AND id <= (SELECT id FROM received_to_device
    WHERE server = $1 ORDER BY id DESC OFFSET $3 - 1 LIMIT 1))
  INSERT INTO received_to_device (server, message_id_hash) VALUES ($1, sha256(convert_to($2, 'UTF8')))
  ON CONFLICT DO NOTHING RETURNING id`;

/** Remembers the id of an EDU of another server; false where it is known already. */
export async function rememberMessageId(tx: Transaction, server: string, messageId: string): Promise<boolean> {
  return (await tx.query(REMEMBER, [server, toStoredText(messageId), REMEMBERED])).length > 0;
}
