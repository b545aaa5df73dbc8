import type { MatrixClient } from '../torture/matrix-client.ts';
import { expectOk } from '../torture/matrix-client.ts';

let nextTxn = 0;

/** Sends one message and returns when it is acknowledged. */
export async function send(client: MatrixClient, room: string, text: string): Promise<void> {
  const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/send/m.room.message/b${nextTxn++}`;
  await expectOk(client.call('PUT', path, { msgtype: 'm.text', body: text }));
}

/**
 * Messages a second that clients get acknowledged, each sending its next one as soon as the last one is; client n writes to
 * room n, round about.
 */
export async function measureSends(
  clients: readonly MatrixClient[],
  rooms: readonly string[],
  ms: number,
): Promise<number> {
  let sent = 0;
  const end = performance.now() + ms;
  const worker = async (client: MatrixClient, index: number) => {
    const room = rooms[index % rooms.length] ?? '';
    while (performance.now() < end) {
      await send(client, room, `message ${sent} of the measurement, about as long as people write`);
      sent++;
    }
  };
  const started = performance.now();
  await Promise.all(clients.map(worker));
  return (sent * 1000) / (performance.now() - started);
}
