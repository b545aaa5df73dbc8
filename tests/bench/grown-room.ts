import { type Event, type EventId, stateKey } from '../../server/src/protocol/event.ts';
import { referenceTo } from '../../server/src/protocol/event-hashes.ts';
import { hashAndSignEvent, type SignedEvent } from '../../server/src/protocol/event-signing.ts';
import type { JsonObject } from '../../server/src/protocol/json.ts';
import type { PuppetRoom } from '../harness/puppet-room.ts';
import type { PuppetServer } from '../harness/puppet-server.ts';
import type { MatrixClient } from '../torture/matrix-client.ts';
import { expectOk } from '../torture/matrix-client.ts';

/** Events of one transaction: two branches of joins, of which the second is the longer by the event that ties them. */
const TOGETHER = 50;
/** Every so many transactions the owner changes the topic meanwhile, which makes a fork between the two servers. */
const TOPIC_EVERY = 10;

/** A room of the server under test that a user of the puppet has joined. */
export interface SharedRoom {
  readonly serverName: string;
  readonly owner: MatrixClient;
  readonly puppet: PuppetServer;
  readonly room: PuppetRoom;
}

let transactions = 0;

/** Sends events in one transaction, and throws where the server refuses one of them. */
export async function deliver({ serverName, puppet }: SharedRoom, events: readonly Event[]): Promise<void> {
  const body = { pdus: events.map((event) => event.pdu) } as JsonObject;
  const answer = await puppet.call(serverName, 'PUT', `/v1/send/bench-state-${transactions++}`, body);
  const results: { error?: string }[] = Object.values(answer.body.pdus ?? {});
  if (answer.status !== 200 || results.length !== events.length || results.some(({ error }) => error !== undefined))
    throw new Error(`events were refused: ${answer.text}`);
}

/** Lets a user of the puppet join, after any events of the room. */
function signJoin({ puppet, room }: SharedRoom, name: string, prevEvents: readonly EventId[]): SignedEvent {
  const userId = puppet.user(name);
  room.depth += 1;
  const rules = ['m.room.create', 'm.room.power_levels', 'm.room.join_rules'];
  const template = {
    type: 'm.room.member',
    room_id: room.roomId,
    sender: userId,
    state_key: userId,
    content: { membership: 'join', displayname: `Member ${name}`, avatar_url: `mxc://example.org/${'a'.repeat(24)}` },
    origin_server_ts: Date.now(),
    depth: room.depth,
    prev_events: [...prevEvents],
    auth_events: rules
      .filter((type) => type !== 'm.room.create' || room.version.createInAuthEvents)
      .flatMap((type) => room.state.get(stateKey(type, '')) ?? [])
      .map((event) => referenceTo(event, room.version)),
  };
  return hashAndSignEvent(template, room.version, puppet.serverName, puppet.key);
}

/** Sets the topic; the puppet is not told of it. */
export async function setTopic({ owner, room }: SharedRoom, topic: string): Promise<EventId> {
  const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room.roomId)}/state/m.room.topic/`;
  return (await expectOk(owner.call('PUT', path, { topic }))).event_id as EventId;
}

/** Lets so many users of the puppet join one by one, each after the one before, on two branches that meet again and again. */
export async function growRoom(shared: SharedRoom, members: number): Promise<void> {
  let heads: readonly EventId[] = shared.room.latest;
  for (let first = 0; first < members; first += TOGETHER) {
    const branches: [SignedEvent[], SignedEvent[]] = [[], []];
    for (let n = first; n < first + TOGETHER - 1; n++) {
      const branch = branches[n % 2 === 0 ? 0 : 1];
      const last = branch.at(-1);
      branch.push(signJoin(shared, `member${n}`, last === undefined ? heads : [last.eventId]));
    }
    const ends = branches.flatMap((branch) => branch.at(-1)?.eventId ?? []);
    const tie = signJoin(shared, `member${first + TOGETHER - 1}`, ends);
    const isForked = (first / TOGETHER) % TOPIC_EVERY === 0;
    const topic = isForked ? [await setTopic(shared, `after ${first} members`)] : [];
    await deliver(shared, [...branches.flat(), tie]);
    heads = [tie.eventId, ...topic];
  }
  shared.room.latest = [...heads];
}
