/** Event graphs for tests of state resolution: unsigned events, and states as maps of their ids. */

import { authEventKeys } from '../../server/src/protocol/auth-events.ts';
import type { KnownEvent } from '../../server/src/protocol/authorization.ts';
import {
  type Event,
  type EventId,
  type Pdu,
  type RoomId,
  type StateKey,
  type StateMap,
  stateKey,
} from '../../server/src/protocol/event.ts';
import type { JsonObject } from '../../server/src/protocol/json.ts';
import { type RoomVersion, roomVersions } from '../../server/src/protocol/room-versions.ts';

export const creator = '@creator:a.example';

export type State = StateMap<EventId>;

export interface StateDraft {
  type: string;
  sender: string;
  key?: string;
  content?: JsonObject;
  /** In milliseconds; by default later than all before. */
  ts?: number;
  id?: string;
  rejected?: boolean;
  /** By default what the selection finds in the state. */
  authEvents?: EventId[];
}

export class EventGraph {
  readonly version: RoomVersion;
  readonly roomId: RoomId;
  readonly events = new Map<EventId, KnownEvent>();
  /** How often an event has been looked up. */
  lookups = 0;

  constructor(versionId: string) {
    const version = roomVersions.get(versionId);
    if (version === undefined) throw new Error(`no room version ${versionId}`);
    this.version = version;
    this.roomId = version.roomIds === 'domain' ? '!room:a.example' : '!create';
  }

  readonly lookup = (id: EventId): KnownEvent | undefined => {
    this.lookups++;
    return this.events.get(id);
  };

  /** State after the room's first events: create, the creator's join, power levels, a public join rule. */
  start(powerLevels: JsonObject = {}): State {
    let state = this.add(new Map(), {
      type: 'm.room.create',
      sender: creator,
      id: 'create',
      content: { room_version: this.version.id, ...(this.version.creatorInContent ? { creator } : {}) },
    });
    state = this.join(state, creator);
    state = this.add(state, { type: 'm.room.power_levels', sender: creator, content: powerLevels });
    return this.add(state, { type: 'm.room.join_rules', sender: creator, content: { join_rule: 'public' } });
  }

  join(state: State, user: string): State {
    return this.member(state, user, 'join');
  }

  member(state: State, user: string, membership: string, sender = user): State {
    return this.add(state, { type: 'm.room.member', sender, key: user, content: { membership } });
  }

  /** Adds a state event that cites the given state, and answers the state after it. */
  add(state: State, draft: StateDraft): State {
    const event = this.event(state, draft);
    return new Map([...state, [stateKey(event.pdu.type, event.pdu.state_key ?? ''), event.eventId]]);
  }

  event(state: State, draft: StateDraft): Event {
    const n = this.events.size;
    const isCreate = draft.type === 'm.room.create';
    const pdu = {
      type: draft.type,
      sender: draft.sender,
      state_key: draft.key ?? '',
      content: draft.content ?? {},
      ...(isCreate && !this.version.roomIdInCreateEvent ? {} : { room_id: this.roomId }),
      depth: n,
      origin_server_ts: draft.ts ?? n,
      prev_events: isCreate ? [] : ['$previous'],
      hashes: { sha256: '' },
      signatures: {},
    } as unknown as Pdu;
    const named = draft.authEvents ?? this.#select(state, pdu);
    pdu.auth_events = this.version.eventReferences === 'id' ? named : named.map((id) => [id, { sha256: '' }]);
    const event: Event = { eventId: `$${draft.id ?? String(n).padStart(6, '0')}`, roomId: this.roomId, pdu };
    this.events.set(event.eventId, { event, rejected: draft.rejected ?? false });
    return event;
  }

  #select(state: State, pdu: Pdu): EventId[] {
    return authEventKeys(pdu, this.version).flatMap((key) => state.get(key) ?? []);
  }
}

/** The id that a state has for a type and state key. */
export function at(state: State, type: string, key = ''): EventId | undefined {
  return state.get(stateKey(type, key));
}

/** The state without a key. */
export function without(state: State, type: string, key = ''): State {
  const copy = new Map<StateKey, EventId>(state);
  copy.delete(stateKey(type, key));
  return copy;
}
