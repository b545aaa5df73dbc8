import { randomBytes } from 'node:crypto';
import { findNonCanonical } from '../protocol/canonical-json.ts';
import { badJson, invalidParam, tooLarge } from '../protocol/errors.ts';
import type { ServerName, UserId } from '../protocol/event.ts';
import { isUserId, serverNameOf } from '../protocol/identifiers.ts';
import { isJsonObject, type JsonObject } from '../protocol/json.ts';
import { requireUserOf } from '../rooms/receive-edus.ts';
import { claimTransaction, transactionKey } from '../storage/client-transactions.ts';
import type { Database } from '../storage/database.ts';
import { type DeviceMessage, putToDevice, rememberMessageId } from '../storage/to-device.ts';
import type { OutgoingMessages } from '../storage/to-device-outbox.ts';
import type { Requester } from './requester.ts';

/** Bytes of one message as JSON. Other servers take EDUs of up to 65,536 bytes, of which ids need the rest. */
const MAX_MESSAGE_BYTES = 60_000;
const MAX_MESSAGES = 5_000;
const MAX_TYPE_LENGTH = 255;
const MAX_MESSAGE_ID_LENGTH = 255;

export interface ToDeviceRequest {
  readonly type: string;
  readonly txnId: string;
  /** Contents by user and device; the device '*' stands for all devices of the user. */
  readonly messages: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/**
 * Sends messages to devices (Client-Server API, "Send-to-device messaging"): they are stored, here or for the other server, when
 * this is done. A repeated transaction id changes nothing.
 *
 * @throws MatrixError M_INVALID_PARAM, M_BAD_JSON, M_TOO_LARGE; nothing has been sent then
 */
export async function sendToDevice(
  db: Database,
  ownServer: ServerName,
  requester: Pick<Requester, 'userId' | 'deviceId'>,
  request: ToDeviceRequest,
): Promise<void> {
  const { type, txnId } = request;
  if (type.length > MAX_TYPE_LENGTH) throw invalidParam('The event type is too long.');
  const messages = readMessages(request.messages);
  const local = messages.filter(({ userId }) => serverNameOf(userId) === ownServer);
  const outgoing = [...Map.groupBy(messages, ({ userId }) => serverNameOf(userId))].flatMap(([server, theirs]) =>
    server === ownServer ? [] : edusFor(server, requester.userId, type, theirs),
  );
  const path = `PUT /sendToDevice/${type}`;
  await db.transaction(async (tx) => {
    if (!(await claimTransaction(tx, transactionKey({ ...requester, path, txnId })))) return;
    await putToDevice(tx, { sender: requester.userId, source: requester.userId, type }, local, outgoing);
  });
}

/** What a client sends. It goes into signed requests, so it has to be canonical JSON. */
function readMessages(byUser: ToDeviceRequest['messages']): DeviceMessage[] {
  const messages = Object.entries(byUser).flatMap(([userId, byDevice]) => {
    if (!isUserId(userId)) throw invalidParam('messages are for users by their ids.');
    return Object.entries(byDevice).map(([deviceId, content]) => ({
      userId,
      deviceId,
      content: content as JsonObject,
    }));
  });
  if (messages.length > MAX_MESSAGES) throw tooLarge(`One request has at most ${MAX_MESSAGES} messages.`);
  for (const { deviceId, content } of messages) {
    const fault = findNonCanonical(content);
    if (fault !== undefined) throw badJson(fault.reason);
    if (deviceId.length > MAX_TYPE_LENGTH) throw invalidParam('A device id is too long.');
    if (Buffer.byteLength(JSON.stringify(content)) > MAX_MESSAGE_BYTES)
      throw tooLarge(`A message has at most ${MAX_MESSAGE_BYTES} bytes.`);
  }
  return messages;
}

/** As few `m.direct_to_device` EDUs as hold the messages for a server. */
function edusFor(
  server: ServerName,
  sender: UserId,
  type: string,
  messages: readonly DeviceMessage[],
): OutgoingMessages[] {
  const edus: OutgoingMessages[] = [];
  let byUser: Record<string, JsonObject> = Object.create(null);
  let bytes = Number.POSITIVE_INFINITY;
  for (const { userId, deviceId, content } of messages) {
    const more = Buffer.byteLength(JSON.stringify([userId, deviceId, content]));
    if (bytes + more > MAX_MESSAGE_BYTES) {
      byUser = Object.create(null);
      bytes = 0;
      const messageId = randomBytes(12).toString('base64url');
      edus.push({ server, content: { sender, type, message_id: messageId, messages: byUser } });
    }
    bytes += more;
    byUser[userId] ??= Object.create(null) as JsonObject;
    byUser[userId][deviceId] = content;
  }
  return edus;
}

/**
 * Receives an `m.direct_to_device` EDU (Server-Server API, "Send-to-device messaging"): its messages to devices that are here
 * are stored when this is done. One whose message id the server has used before changes nothing.
 *
 * @throws MatrixError M_FORBIDDEN where the sender is not of the server (A2.1)
 */
export async function receiveToDevice(
  db: Database,
  ownServer: ServerName,
  origin: ServerName,
  edu: JsonObject,
): Promise<void> {
  const sender = requireUserOf(origin, edu.sender);
  const { type, message_id: messageId, messages: byUser } = edu;
  if (typeof type !== 'string' || type.length > MAX_TYPE_LENGTH || !isJsonObject(byUser)) return;
  if (typeof messageId !== 'string' || messageId.length > MAX_MESSAGE_ID_LENGTH) return;
  const messages = Object.entries(byUser).flatMap(([userId, byDevice]): DeviceMessage[] => {
    if (!isUserId(userId) || serverNameOf(userId) !== ownServer || !isJsonObject(byDevice)) return [];
    return Object.entries(byDevice).flatMap(([deviceId, content]) =>
      isJsonObject(content) ? [{ userId, deviceId, content }] : [],
    );
  });
  if (messages.length === 0) return;
  await db.transaction(async (tx) => {
    if (!(await rememberMessageId(tx, origin, messageId))) return;
    await putToDevice(tx, { sender, source: origin, type }, messages, []);
  });
}
