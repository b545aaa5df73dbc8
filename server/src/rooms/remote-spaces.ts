import { LruCache } from '../base/lru-cache.ts';
import { FederationError } from '../federation/federation-error.ts';
import type { RoomId, ServerName } from '../protocol/event.ts';
import { isRoomId } from '../protocol/identifiers.ts';
import { isJsonObject, type JsonObject } from '../protocol/json.ts';
import type { RoomParts } from './room-parts.ts';
import { MAX_CHILDREN, readSpaceChild, type SpaceChild, type SpaceRoom, sortedChildren } from './space-rooms.ts';

/** A room of other servers and its children, as one of them describes it. */
export interface RemoteSpace {
  readonly room: SpaceRoom;
  readonly children: readonly SpaceRoom[];
}

interface Answer {
  readonly space: RemoteSpace | undefined;
  /** Monotonic milliseconds. */
  readonly until: number;
}

const REMEMBERED_BYTES = 32 * 1024 * 1024;
const GOOD_MS = 300_000;
const FAILED_MS = 60_000;
const DEADLINE_MS = 5_000;
/** Servers asked about one room. */
const MAX_SERVERS = 2;
const MAX_TEXT = 1_000;
const MAX_TOPIC = 10_000;

/**
 * What other servers say of rooms that this one is not in (Server-Server API, `GET /hierarchy/{roomId}`), remembered for a while.
 * What a server says counts for those only who would ask it, too: clients may name any.
 */
export class RemoteSpaces {
  readonly #parts: RoomParts;
  readonly #answers = new LruCache<string, Answer>(REMEMBERED_BYTES);

  constructor(parts: RoomParts) {
    this.#parts = parts;
  }

  /** @param budget requests that may still be made; counted down. @returns undefined when nobody says anything */
  async look(
    { roomId, via }: Pick<SpaceChild, 'roomId' | 'via'>,
    budget: { calls: number },
  ): Promise<RemoteSpace | undefined> {
    for (const server of via.filter((name) => name !== this.#parts.serverName).slice(0, MAX_SERVERS)) {
      const key = `${server} ${roomId}`;
      let answer = this.#answers.get(key);
      if (answer === undefined || answer.until <= this.#parts.clock.monotonic()) {
        if (budget.calls === 0) return undefined;
        budget.calls -= 1;
        answer = await this.#ask(server, roomId);
        this.#answers.set(key, answer, answer.space === undefined ? 100 : JSON.stringify(answer.space).length * 2);
      }
      if (answer.space !== undefined) return answer.space;
    }
    return undefined;
  }

  async #ask(server: ServerName, roomId: RoomId): Promise<Answer> {
    const { clock, federation } = this.#parts;
    let space: RemoteSpace | undefined;
    try {
      const { room, children } = await federation.hierarchy(server, { roomId }, { deadlineMs: DEADLINE_MS });
      space = readSpace(roomId, room, children);
    } catch (error) {
      if (!(error instanceof FederationError)) throw error; // Unreachable or refusing: the next one may know more.
    }
    return { space, until: clock.monotonic() + (space === undefined ? FAILED_MS : GOOD_MS) };
  }
}

function readSpace(roomId: RoomId, room: JsonObject, children: readonly JsonObject[]): RemoteSpace | undefined {
  const read = readRoom(room);
  if (read?.roomId !== roomId) return undefined;
  return { room: read, children: children.slice(0, MAX_CHILDREN).flatMap((child) => readRoom(child) ?? []) };
}

/** The summary of another server, of which only what has the right form is taken over (A1.7). */
function readRoom(value: JsonObject): SpaceRoom | undefined {
  if (!isRoomId(value.room_id)) return undefined;
  const text = (key: string, most = MAX_TEXT) => {
    const found = value[key];
    return typeof found === 'string' ? { [key]: found.slice(0, most) } : {};
  };
  const members = value.num_joined_members;
  const joinRule = typeof value.join_rule === 'string' ? value.join_rule.slice(0, 255) : 'public';
  const allowed = Array.isArray(value.allowed_room_ids) ? value.allowed_room_ids.filter(isRoomId).slice(0, 100) : [];
  const events = Array.isArray(value.children_state) ? value.children_state.slice(0, MAX_CHILDREN) : [];
  const summary: JsonObject = {
    ...text('name'),
    ...text('topic', MAX_TOPIC),
    ...text('avatar_url'),
    ...text('canonical_alias'),
    ...text('room_type', 255),
    ...text('room_version', 255),
    ...(value.encryption === 'm.megolm.v1.aes-sha2' ? { encryption: value.encryption } : {}),
    room_id: value.room_id,
    join_rule: joinRule,
    ...(allowed.length === 0 ? {} : { allowed_room_ids: allowed }),
    num_joined_members: Number.isSafeInteger(members) && Number(members) >= 0 ? Number(members) : 0,
    world_readable: value.world_readable === true,
    guest_can_join: value.guest_can_join === true,
  };
  return {
    roomId: value.room_id,
    summary,
    joinRule,
    isWorldReadable: value.world_readable === true,
    allowedRoomIds: allowed,
    children: sortedChildren(events.flatMap((event) => (isJsonObject(event) ? (readSpaceChild(event) ?? []) : []))),
  };
}
