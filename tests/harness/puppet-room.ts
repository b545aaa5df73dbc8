import { expect } from 'vitest';
import { authEventKeys } from '../../server/src/protocol/auth-events.ts';
import {
  authEventIds,
  type Event,
  type EventId,
  type EventReference,
  type Pdu,
  prevEventIds,
  type RoomId,
  type StateKey,
  stateKey,
} from '../../server/src/protocol/event.ts';
import { eventIdOf, referenceTo, roomIdOf } from '../../server/src/protocol/event-hashes.ts';
import { hashAndSignEvent, type SignedEvent, type UnsignedPdu } from '../../server/src/protocol/event-signing.ts';
import { type JsonObject, nearestSafeInteger } from '../../server/src/protocol/json.ts';
import { type RoomVersion, roomVersion, supportedRoomVersions } from '../../server/src/protocol/room-versions.ts';
import type { PuppetRequest, PuppetServer } from './puppet-server.ts';

/** What an event of the puppet's says; the room adds the rest, unless it is given. */
export interface PuppetDraft {
  readonly type: string;
  readonly sender: string;
  readonly content?: JsonObject;
  readonly stateKey?: string;
  readonly prevEvents?: readonly string[];
  readonly authEvents?: readonly string[];
  readonly depth?: number;
  readonly redacts?: string;
  readonly roomId?: string;
  readonly originServerTs?: number;
}

export function versionNamed(id: string): RoomVersion {
  const version = roomVersion(id);
  if (version === undefined) throw new Error(`no room version ${id}`);
  return version;
}

let roomsMade = 0;

/** A room as a puppet sees it: it can build events for it, good and bad, and answer for it as an honest server would. */
export class PuppetRoom {
  readonly puppet: PuppetServer;
  readonly version: RoomVersion;
  roomId: RoomId = '!';
  readonly events = new Map<EventId, Event>();
  readonly state = new Map<StateKey, Event>();
  /** State before each event that the puppet has added. */
  readonly statesBefore = new Map<EventId, Map<StateKey, Event>>();
  latest: readonly EventId[] = [];
  depth = 0;

  constructor(puppet: PuppetServer, version: RoomVersion) {
    this.puppet = puppet;
    this.version = version;
  }

  /** A public room that the puppet's user has created, `more` being further content of its create event. */
  static create(
    puppet: PuppetServer,
    versionId = '12',
    creator = puppet.user('creator'),
    more: JsonObject = {},
  ): PuppetRoom {
    const room = new PuppetRoom(puppet, versionNamed(versionId));
    if (room.version.roomIdInCreateEvent) room.roomId = `!${Math.random().toString(36).slice(2)}:${puppet.serverName}`;
    // Two rooms made in the same millisecond must not have the same id.
    const content: JsonObject = { room_version: versionId, 'org.example.number': roomsMade++, ...more };
    if (room.version.creatorInContent) content.creator = creator;
    const create = room.build({ type: 'm.room.create', sender: creator, stateKey: '', content });
    room.roomId = create.roomId;
    room.apply(create);
    room.add({ type: 'm.room.member', sender: creator, stateKey: creator, content: { membership: 'join' } });
    const users = room.version.creatorsHaveInfinitePower ? {} : { [creator]: 100 };
    room.add({ type: 'm.room.power_levels', sender: creator, stateKey: '', content: { users } });
    room.add({ type: 'm.room.join_rules', sender: creator, stateKey: '', content: { join_rule: 'public' } });
    return room;
  }

  /** Joins a room of a homeserver under test with a user of the puppet. */
  static async join(puppet: PuppetServer, resident: string, roomId: string, userId: string): Promise<PuppetRoom> {
    const room = encodeURIComponent(roomId);
    const versions = supportedRoomVersions.map((version) => `ver=${version}`).join('&');
    const made = await puppet.call(resident, 'GET', `/v1/make_join/${room}/${encodeURIComponent(userId)}?${versions}`);
    expect(made.status, made.text).toBe(200);
    const version = versionNamed(made.body.room_version);
    const { origin: _, event_id: __, ...template } = made.body.event;
    const join = hashAndSignEvent(template as UnsignedPdu, version, puppet.serverName, puppet.key);
    const path = `/v2/send_join/${room}/${encodeURIComponent(join.eventId)}`;
    const sent = await puppet.call(resident, 'PUT', path, join.pdu);
    expect(sent.status, sent.text).toBe(200);
    const joined = new PuppetRoom(puppet, version);
    joined.roomId = roomId as RoomId;
    for (const pdu of [...sent.body.auth_chain, ...sent.body.state] as Pdu[]) joined.know(pdu);
    for (const pdu of sent.body.state as Pdu[]) {
      const event = joined.know(pdu);
      joined.state.set(stateKey(pdu.type, pdu.state_key ?? ''), event);
    }
    joined.depth = nearestSafeInteger(join.pdu.depth);
    joined.apply({ ...join, pdu: sent.body.event as Pdu });
    return joined;
  }

  /** The same room as it is now, in the hands of another puppet. */
  seenBy(puppet: PuppetServer): PuppetRoom {
    const room = new PuppetRoom(puppet, this.version);
    room.roomId = this.roomId;
    for (const [id, event] of this.events) room.events.set(id, event);
    for (const [key, event] of this.state) room.state.set(key, event);
    for (const [id, state] of this.statesBefore) room.statesBefore.set(id, state);
    room.latest = this.latest;
    room.depth = this.depth;
    return room;
  }

  /** Takes note of an event of somebody else. */
  know(pdu: Pdu): Event {
    const eventId = eventIdOf(pdu, this.version);
    const event = { eventId, roomId: roomIdOf(pdu, eventId), pdu };
    this.events.set(eventId, event);
    return event;
  }

  /** Builds and signs an event on top of the room without adding it. */
  build(draft: PuppetDraft): SignedEvent {
    const isCreate = draft.type === 'm.room.create';
    const content = draft.content ?? {};
    const of = { type: draft.type, sender: draft.sender, state_key: draft.stateKey, content } as Pdu;
    const auth = authEventKeys(of, this.version).flatMap((key) => this.state.get(key)?.eventId ?? []);
    const template: UnsignedPdu = {
      type: draft.type,
      sender: draft.sender as Pdu['sender'],
      content,
      ...(isCreate && !this.version.roomIdInCreateEvent ? {} : { room_id: (draft.roomId ?? this.roomId) as RoomId }),
      ...(draft.stateKey === undefined ? {} : { state_key: draft.stateKey }),
      ...(draft.redacts === undefined ? {} : { redacts: draft.redacts as EventId }),
      origin_server_ts: draft.originServerTs ?? Date.now(),
      depth: draft.depth ?? this.depth + 1,
      prev_events: this.#references(draft.prevEvents ?? this.latest),
      auth_events: this.#references(draft.authEvents ?? auth),
    };
    return hashAndSignEvent(template, this.version, this.puppet.serverName, this.puppet.key);
  }

  /** Puts an event on top of the room. */
  apply(event: Event): void {
    const { pdu, eventId } = event;
    this.events.set(eventId, event);
    this.statesBefore.set(eventId, new Map(this.state));
    if (pdu.state_key !== undefined) this.state.set(stateKey(pdu.type, pdu.state_key), event);
    this.latest = [eventId];
    this.depth = Math.max(this.depth, nearestSafeInteger(pdu.depth));
  }

  /** Builds an event and puts it on top of the room. */
  add(draft: PuppetDraft): SignedEvent {
    const event = this.build(draft);
    this.apply(event);
    return event;
  }

  message(sender: string, body: string): SignedEvent {
    return this.add({ type: 'm.room.message', sender, content: { msgtype: 'm.text', body } });
  }

  eventOf(type: string, key = ''): Event | undefined {
    return this.state.get(stateKey(type, key));
  }

  authChain(events: Iterable<Event>): Event[] {
    const found = new Map<EventId, Event>();
    const waiting = [...events].flatMap((event) => authEventIds(event.pdu));
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      const event = this.events.get(id);
      if (event === undefined || found.has(id)) continue;
      found.set(id, event);
      waiting.push(...authEventIds(event.pdu));
    }
    return [...found.values()];
  }

  /** Lets the puppet answer the calls about this room as an honest server would. Single answers may be replaced afterwards. */
  serve(): void {
    const { answers } = this.puppet;
    const pdus = (events: Iterable<Event>) => [...events].map((event) => event.pdu);
    const stateBefore = (request: PuppetRequest) => {
      const state = this.statesBefore.get((request.query.get('event_id') ?? '') as EventId);
      return state === undefined ? undefined : { state: [...state.values()], chain: this.authChain(state.values()) };
    };
    answers.set('make_join', ({ params: [, userId = ''] }) => this.#template(userId, 'join'));
    answers.set('make_leave', ({ params: [, userId = ''] }) => this.#template(userId, 'leave'));
    answers.set('send_join', ({ body }) => {
      const state = [...this.state.values()];
      const chain = this.authChain(state);
      this.apply(this.know(body));
      return { event: body, state: pdus(state), auth_chain: pdus(chain), members_omitted: false };
    });
    answers.set('send_leave', ({ body }) => {
      this.apply(this.know(body));
      return {};
    });
    answers.set('event', ({ params: [eventId = ''] }) => {
      const event = this.events.get(eventId as EventId);
      return event === undefined ? undefined : { pdus: [event.pdu], origin: 'puppet', origin_server_ts: 1 };
    });
    answers.set('event_auth', ({ params: [, eventId = ''] }) => {
      const event = this.events.get(eventId as EventId);
      return event === undefined ? undefined : { auth_chain: pdus(this.authChain([event])) };
    });
    answers.set('state_ids', (request) => {
      const found = stateBefore(request);
      const ids = (events: readonly Event[]) => events.map((event) => event.eventId);
      return found === undefined ? undefined : { pdu_ids: ids(found.state), auth_chain_ids: ids(found.chain) };
    });
    answers.set('state', (request) => {
      const found = stateBefore(request);
      return found === undefined ? undefined : { pdus: pdus(found.state), auth_chain: pdus(found.chain) };
    });
    answers.set('get_missing_events', ({ body }) => {
      const known = new Set<string>([...body.earliest_events, ...body.latest_events]);
      const start = body.latest_events.flatMap((id: EventId) => this.#prevsOf(id));
      return { events: pdus(this.#walkBack(start, body.limit, known).reverse()) };
    });
    answers.set('backfill', ({ query }) => ({
      origin: this.puppet.serverName,
      origin_server_ts: 1,
      pdus: pdus(this.#walkBack(query.getAll('v') as EventId[], Number(query.get('limit')), new Set())),
    }));
  }

  #walkBack(start: readonly EventId[], limit: number, known: ReadonlySet<string>): Event[] {
    const found = new Map<EventId, Event>();
    let level = start;
    while (level.length > 0 && found.size < limit) {
      const events = level.flatMap((id) => (known.has(id) || found.has(id) ? [] : (this.events.get(id) ?? [])));
      for (const event of events) if (found.size < limit) found.set(event.eventId, event);
      level = events.flatMap((event) => prevEventIds(event.pdu));
    }
    return [...found.values()];
  }

  #prevsOf(id: EventId): readonly EventId[] {
    const event = this.events.get(id);
    return event === undefined ? [] : prevEventIds(event.pdu);
  }

  /** How an event names others: in the form of the room's version. What the puppet does not know it names without hashes. */
  #references(ids: readonly string[]): EventReference[] {
    return (ids as readonly EventId[]).map((id) => {
      const event = this.events.get(id);
      if (event !== undefined) return referenceTo(event, this.version);
      return this.version.eventReferences === 'id' ? id : [id, {}];
    });
  }

  #template(userId: string, membership: string) {
    const draft = { type: 'm.room.member', sender: userId, stateKey: userId, content: { membership } };
    const { event_id: ___, hashes: _, signatures: __, ...event } = this.build(draft).pdu;
    return { room_version: this.version.id, event };
  }
}
