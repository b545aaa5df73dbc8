import { Person, type PersonsServer, type SeenEvent } from '../harness/person.ts';

/** Two people on two servers: one who makes the rooms, and one who comes to them. */
export interface Pair {
  readonly host: Person;
  readonly guest: Person;
}

let pairs = 0;

/** Somebody new on each of the two servers. */
export async function pair(home: PersonsServer, away: PersonsServer): Promise<Pair> {
  const number = pairs++;
  const [host, guest] = await Promise.all([
    Person.register(home, `host${number}`),
    Person.register(away, `guest${number}`),
  ]);
  return { host, guest };
}

/** A public room of the host's that the guest has joined. */
export async function sharedRoom({ host, guest }: Pair, options: Record<string, unknown> = {}): Promise<string> {
  const roomId = await host.createRoom(options);
  await guest.join(roomId, [host.server.serverName]);
  await host.untilMembership(roomId, guest.userId, 'join');
  return roomId;
}

/** Event ids of the state of a room by type and state key. */
export async function stateOf(person: Person, roomId: string): Promise<Record<string, string>> {
  const events: SeenEvent[] = await person.roomOk('GET', roomId, 'state');
  return Object.fromEntries(events.map((event) => [`${event.type} ${event.state_key}`, event.event_id]));
}
