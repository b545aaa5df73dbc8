import { type Event, type RoomId, stateKey } from '../../server/src/protocol/event.ts';
import { referenceTo } from '../../server/src/protocol/event-hashes.ts';
import { hashAndSignEvent } from '../../server/src/protocol/event-signing.ts';
import type { JsonObject } from '../../server/src/protocol/json.ts';
import { PuppetRoom } from './puppet-room.ts';
import { type PuppetServer, RawAnswer } from './puppet-server.ts';

/** A public room of the first of the puppets with so many members, of all of them in turn, beside its creator. */
export interface LargeRoom {
  readonly roomId: RoomId;
  readonly state: readonly Event[];
  readonly authChain: readonly Event[];
  /** Lets the first puppet serve joins; others than its events where some are given. The answer is written beforehand. */
  serve(state?: readonly JsonObject[], authChain?: readonly JsonObject[]): void;
}

/** Signs the events of a large room. The join of a member names no earlier one than the few events that rule the room. */
export function makeLargeRoom(puppets: readonly PuppetServer[], members: number, versionId = '11'): LargeRoom {
  const [host] = puppets;
  if (host === undefined) throw new Error('a room needs a server');
  const room = PuppetRoom.create(host, versionId);
  const rules = ['m.room.create', 'm.room.power_levels', 'm.room.join_rules'].flatMap(
    (type) => room.eventOf(type) ?? [],
  );
  const authEvents = rules
    .filter(({ pdu }) => pdu.type !== 'm.room.create' || room.version.createInAuthEvents)
    .map((event) => referenceTo(event, room.version));
  const start = [...room.state.values()];
  const joins = Array.from({ length: members }, (_, n): Event => {
    const puppet = puppets[n % puppets.length] ?? host;
    const userId = puppet.user(`member${n}`);
    const template = {
      type: 'm.room.member',
      room_id: room.roomId,
      sender: userId,
      state_key: userId,
      content: {
        membership: 'join',
        displayname: `Member number ${n}`,
        avatar_url: `mxc://example.org/${'a'.repeat(24)}${n}`,
      },
      origin_server_ts: Date.now(),
      depth: room.depth + 1,
      prev_events: start.slice(-1).map((event) => referenceTo(event, room.version)),
      auth_events: authEvents,
    };
    return hashAndSignEvent(template, room.version, puppet.serverName, puppet.key);
  });
  for (const event of joins) room.state.set(stateKey('m.room.member', event.pdu.state_key ?? ''), event);
  const latest = joins.at(-1) ?? start.at(-1);
  if (latest !== undefined) room.latest = [latest.eventId];
  room.depth += 2;
  const state = [...room.state.values()];
  const authChain = room.authChain(state);
  const pdusOf = (events: readonly Event[]): JsonObject[] => events.map((event) => event.pdu);
  return {
    roomId: room.roomId,
    state,
    authChain,
    serve(toldState = pdusOf(state), toldChain = pdusOf(authChain)) {
      room.serve();
      const told = { members_omitted: false, state: toldState, auth_chain: toldChain };
      const rest = Buffer.from(JSON.stringify(told).slice(1));
      host.answers.set('send_join', ({ body }) => {
        return new RawAnswer((_request, response) => {
          response.writeHead(200, { 'content-type': 'application/json' });
          response.write(`{"event":${JSON.stringify(body)},`);
          response.end(rest);
        });
      });
    },
  };
}
