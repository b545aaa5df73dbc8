import { expect, test } from 'vitest';
import { clientOf, enc, registerClient, type TestClient } from '../harness/client.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { fc } from '../harness/properties.ts';
import { sync } from '../harness/sync.ts';

// biome-ignore lint/suspicious/noExplicitAny: the answers of syncs
type Body = any;

const server = await startHomeserver();
const ROOMS = 4;

interface Room {
  membership: string;
  newest: string | undefined;
  typing: unknown;
  unread: unknown;
  summary: unknown;
  /** Event id by type and state key. */
  readonly state: Map<string, string>;
  readonly accountData: Map<string, unknown>;
  /** Event id by reader. */
  readonly read: Map<string, string>;
}

/** What a client knows from its syncs, whenever it asked. */
class Picture {
  readonly #client: TestClient;
  readonly #rooms = new Map<string, Room>();
  readonly #accountData = new Map<string, unknown>();
  #since: string | undefined;

  constructor(client: TestClient) {
    this.#client = client;
  }

  /** @param timeout with any, the server may wait and need not look at everything */
  async poll(timeout: string): Promise<void> {
    const answer = await sync(this.#client, { timeout, ...(this.#since === undefined ? {} : { since: this.#since }) });
    this.#since = answer.next_batch;
    for (const { type, content } of answer.account_data?.events ?? []) this.#accountData.set(type, content);
    for (const membership of ['join', 'invite', 'leave'])
      for (const [roomId, section] of Object.entries<Body>(answer.rooms?.[membership] ?? {}))
        this.#tell(roomId, membership, section);
  }

  #tell(roomId: string, membership: string, section: Body): void {
    const room = this.#rooms.get(roomId) ?? {
      ...{ membership, newest: undefined, typing: [], unread: undefined, summary: undefined },
      ...{ state: new Map(), accountData: new Map(), read: new Map() },
    };
    this.#rooms.set(roomId, room);
    room.membership = membership;
    const timeline: Body[] = section.timeline?.events ?? [];
    for (const { type, state_key: key, event_id: id } of [...(section.state?.events ?? []), ...timeline])
      if (key !== undefined) room.state.set(`${type} ${key}`, id);
    room.newest = timeline.at(-1)?.event_id ?? room.newest;
    for (const { type, content } of section.account_data?.events ?? []) room.accountData.set(type, content);
    for (const { type, content } of section.ephemeral?.events ?? []) {
      if (type === 'm.typing') room.typing = content.user_ids;
      else
        for (const [id, receipts] of Object.entries<Body>(content))
          for (const reader of Object.keys(receipts['m.read'])) room.read.set(reader, id);
    }
    room.unread = section.unread_notifications ?? room.unread;
    room.summary = section.summary ?? room.summary;
  }

  /** Rooms that were left are known as they were when that was told. */
  shown(): unknown {
    const rooms = [...this.#rooms].map(([id, room]) => [id, room.membership === 'join' ? room : room.membership]);
    return { rooms: Object.fromEntries(rooms), accountData: this.#accountData };
  }
}

/** Things that one of several people does in one of several rooms. */
const DEEDS: Readonly<
  Record<string, (who: TestClient, roomId: string, whom: TestClient, n: number) => Promise<unknown>>
> = {
  say: (who, roomId, _whom, n) =>
    who.request('PUT', `v3/rooms/${enc(roomId)}/send/m.room.message/s${n}`, { body: `${n}` }),
  name: (who, roomId, _whom, n) => who.request('PUT', `v3/rooms/${enc(roomId)}/state/m.room.name`, { name: `${n}` }),
  join: (who, roomId) => who.request('POST', `v3/join/${enc(roomId)}`, {}),
  leave: (who, roomId) => who.request('POST', `v3/rooms/${enc(roomId)}/leave`, {}),
  kick: (who, roomId, whom) => who.request('POST', `v3/rooms/${enc(roomId)}/kick`, { user_id: whom.userId }),
  invite: (who, roomId, whom) => who.request('POST', `v3/rooms/${enc(roomId)}/invite`, { user_id: whom.userId }),
  read: async (who, roomId) => {
    const { body } = await who.request('GET', `v3/rooms/${enc(roomId)}/messages?dir=b&limit=1`);
    const id = body.chunk?.[0]?.event_id;
    if (id !== undefined) await who.request('POST', `v3/rooms/${enc(roomId)}/receipt/m.read/${enc(id)}`, {});
  },
  type: (who, roomId, _whom, n) =>
    who.request('PUT', `v3/rooms/${enc(roomId)}/typing/${enc(who.userId)}`, { typing: n % 2 === 0, timeout: 60_000 }),
  // What is set while out of a room is told in a sync in which the user is in it, and so not to every client.
  tag: async (who, roomId, _whom, n) => {
    const { joined_rooms: joined } = await who.ok('GET', 'v3/joined_rooms');
    if (joined.includes(roomId))
      await who.ok('PUT', `v3/user/${enc(who.userId)}/rooms/${enc(roomId)}/account_data/x.tag`, { n });
  },
  note: (who, _roomId, _whom, n) => who.request('PUT', `v3/user/${enc(who.userId)}/account_data/x.note`, { n }),
};

const deed = fc.record({
  what: fc.constantFrom('say', 'say', 'say', ...Object.keys(DEEDS)),
  who: fc.nat(2),
  whom: fc.nat(2),
  room: fc.nat(ROOMS - 1),
  /** Which pictures look after it. */
  looks: fc.nat(3),
});

test('a client that waits for news ends up with the same picture as one that asks for everything at once', async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(deed, { minLength: 40, maxLength: 60, size: 'max' }), async (deeds) => {
      run += 1;
      const names = ['ana', 'ben', 'eve'].map((name) => `${name}${run}`);
      const people = await Promise.all(names.map((name) => registerClient(server.baseUrl, name)));
      const [ana, ben] = people as [TestClient, TestClient];
      const login = await ben.ok('POST', 'v3/login', {
        type: 'm.login.password',
        identifier: { type: 'm.id.user', user: ben.userId },
        password: 'a good one',
      });
      const waiting = new Picture(ben);
      const asking = new Picture(
        clientOf(server.baseUrl, { userId: ben.userId, deviceId: login.device_id, accessToken: login.access_token }),
      );
      const rooms: string[] = [];
      for (let index = 0; index < ROOMS; index++) rooms.push(await ana.createRoom({ preset: 'public_chat' }));
      for (const roomId of rooms.slice(1)) await ben.join(roomId);
      await Promise.all([waiting.poll('0'), asking.poll('0')]);
      for (const [n, { what, who, whom, room, looks }] of deeds.entries()) {
        const [one, other] = [people[who] ?? ana, people[whom] ?? ben];
        await DEEDS[what]?.(one, rooms[room] ?? '', other, n);
        if (looks > 1) await asking.poll('0');
        if (looks % 2 === 0) await waiting.poll('1');
      }
      await asking.poll('0');
      await expect
        .poll(async () => {
          await waiting.poll('1');
          return waiting.shown();
        })
        .toEqual(asking.shown());
    }),
    { numRuns: 4, endOnFailure: true },
  );
});
