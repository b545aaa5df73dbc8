import { expectOk, type MatrixClient, registerClient } from './matrix-client.ts';

/** Accounts `<prefix>0`, `<prefix>1`, …, spread over the processes. */
export async function registerClients(urls: readonly string[], prefix: string, count: number): Promise<MatrixClient[]> {
  const clients: MatrixClient[] = [];
  for (let n = 0; n < count; n++) clients.push(await registerClient(urls, `${prefix}${n}`, n));
  return clients;
}

/** Public rooms of the first client that all the others have joined. Answers their ids. */
export async function createRooms(clients: readonly MatrixClient[], count: number): Promise<string[]> {
  const [creator, ...others] = clients;
  if (creator === undefined) throw new Error('rooms need somebody who creates them');
  const rooms: string[] = [];
  for (let n = 0; n < count; n++) {
    const body = await expectOk(
      creator.call('POST', '/_matrix/client/v3/createRoom', { preset: 'public_chat', name: `Room ${n}` }),
    );
    rooms.push(String(body.room_id));
  }
  for (const client of others) for (const room of rooms) await joinRoom(client, room);
  return rooms;
}

/** @param via servers that are in the room, where ours is not yet */
export async function joinRoom(client: MatrixClient, room: string, via: readonly string[] = []): Promise<void> {
  const query = via.map((server) => `via=${encodeURIComponent(server)}`).join('&');
  await expectOk(client.call('POST', `/_matrix/client/v3/join/${encodeURIComponent(room)}?${query}`, {}, 60_000));
}
