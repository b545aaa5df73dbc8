import type { MatrixClient } from '../torture/matrix-client.ts';
import { expectOk } from '../torture/matrix-client.ts';
import { type LeanConnection, openLeanConnection } from './lean-connection.ts';

let nextTxn = 0;

function sendPath(room: string): string {
  return `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/send/m.room.message/b${nextTxn++}`;
}

/** Sends one message and returns when it is acknowledged. */
export async function send(client: MatrixClient, room: string, text: string): Promise<void> {
  await expectOk(client.call('PUT', sendPath(room), { msgtype: 'm.text', body: text }));
}

/**
 * Messages a second that clients get acknowledged, each sending its next one as soon as the last one is; client n writes to
 * room n, round about.
 */
export async function measureSends(
  url: string,
  clients: readonly MatrixClient[],
  rooms: readonly string[],
  ms: number,
): Promise<number> {
  const connections = await Promise.all(clients.map((client) => openLeanConnection(client, url)));
  let sent = 0;
  const started = performance.now();
  const end = started + ms;
  const worker = async (connection: LeanConnection, index: number) => {
    const room = rooms[index % rooms.length] ?? '';
    while (performance.now() < end) {
      const body = `message ${sent} of the measurement, about as long as people write`;
      await connection.put(sendPath(room), JSON.stringify({ msgtype: 'm.text', body }));
      sent++;
    }
  };
  await Promise.all(connections.map(worker));
  const rate = (sent * 1000) / (performance.now() - started);
  for (const connection of connections) connection.close();
  return rate;
}
