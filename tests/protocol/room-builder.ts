/** Rooms for tests of rules: unsigned events with ids from a counter, and a state that is simply put together. */

import { authEventKeys } from '../../server/src/protocol/auth-events.ts';
import {
  type Event,
  type EventId,
  type EventReference,
  type Pdu,
  type RoomId,
  type StateKey,
  stateKey,
} from '../../server/src/protocol/event.ts';
import type { JsonObject, JsonValue } from '../../server/src/protocol/json.ts';
import { type RoomVersion, roomVersions } from '../../server/src/protocol/room-versions.ts';

export const creator = '@creator:a.example';

/** What a test says of an event; the rest is filled in. */
export type Draft = { type: string; sender: string } & Partial<Omit<Pdu, 'sender'>>;

export interface RoomSketch {
  create?: Partial<Pdu>;
  powerLevels?: JsonObject;
  joinRule?: string;
  /** User id → membership. The creator is joined unless this says otherwise. */
  members?: Record<string, JsonValue>;
  /** Further state. */
  state?: Draft[];
}

export class TestRoom {
  readonly version: RoomVersion;
  readonly roomId: RoomId;
  readonly create: Event;
  readonly state = new Map<StateKey, Event>();
  #events = 0;

  constructor(versionId: string, sketch: RoomSketch = {}) {
    const version = roomVersions.get(versionId);
    if (version === undefined) throw new Error(`no room version ${versionId}`);
    this.version = version;
    this.roomId = version.roomIds === 'domain' ? '!room:a.example' : '!create';
    this.create = this.event(createDraft(version, sketch.create), '$create');
    this.put(this.create);
    for (const [user, membership] of Object.entries({ [creator]: 'join', ...sketch.members })) {
      this.put(this.member(user, { membership }));
    }
    if (sketch.powerLevels) this.set('m.room.power_levels', sketch.powerLevels);
    if (sketch.joinRule) this.set('m.room.join_rules', { join_rule: sketch.joinRule });
    for (const draft of sketch.state ?? []) this.put(this.event(draft));
  }

  /** An event as the version has it, in this room. Its auth events are selected from the room's state. */
  event(draft: Draft, eventId: EventId = `$${this.version.id}-${++this.#events}`): Event {
    const content = draft.content ?? {};
    const isCreate = draft.type === 'm.room.create';
    const pdu = {
      ...(isCreate && !this.version.roomIdInCreateEvent ? {} : { room_id: this.roomId }),
      depth: this.#events,
      origin_server_ts: this.#events,
      prev_events: isCreate ? [] : ['$previous'],
      auth_events: this.authEventsFor({ ...draft, content } as Pdu),
      hashes: { sha256: '' },
      signatures: {},
      ...draft,
      content,
    } as Pdu;
    pdu.prev_events = this.references(pdu.prev_events);
    pdu.auth_events = this.references(pdu.auth_events);
    return { eventId, roomId: pdu.room_id ?? this.roomId, pdu };
  }

  /** Ids in the form in which events of the version name others. */
  references(ids: readonly EventReference[]): EventReference[] {
    const isPair = this.version.eventReferences === 'pair';
    return ids.map((id) => (isPair && typeof id === 'string' ? [id, { sha256: '' }] : id));
  }

  authEventsFor(draft: Pdu): EventId[] {
    return authEventKeys(draft, this.version).flatMap((key) => this.state.get(key)?.eventId ?? []);
  }

  member(user: string, content: JsonObject, sender = user): Event {
    return this.event({ type: 'm.room.member', sender: sender as Pdu['sender'], state_key: user, content } as Draft);
  }

  /** Makes an event part of the room's state. */
  put(event: Event): Event {
    this.state.set(stateKey(event.pdu.type, event.pdu.state_key ?? ''), event);
    return event;
  }

  set(type: string, content: JsonObject, key = ''): Event {
    return this.put(this.event({ type, sender: creator, state_key: key, content }));
  }

  /** The event of the state with this id. */
  find(id: EventId): Event {
    for (const event of this.state.values()) if (event.eventId === id) return event;
    throw new Error(`no event ${id}`);
  }
}

function createDraft(version: RoomVersion, create: Partial<Pdu> = {}): Draft {
  return {
    type: 'm.room.create',
    sender: creator,
    state_key: '',
    ...create,
    content: {
      room_version: version.id,
      ...(version.creatorInContent ? { creator } : {}),
      ...create.content,
    },
  };
}
