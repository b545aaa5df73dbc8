import { authEventKeys } from '../protocol/auth-events.ts';
import { type Event, type EventReference, type StateKey, stateKey } from '../protocol/event.ts';
import { referenceTo } from '../protocol/event-hashes.ts';
import { nextDepth, type UnsignedPdu } from '../protocol/event-signing.ts';
import type { Draft } from './new-event.ts';
import type { Extremity, OpenRoom } from './open-room.ts';

/** Extremities that an event names at most (room event format, `prev_events`). */
export const MOST_PREV_EVENTS = 20;

/** An event of a local user before it is signed, and what it rests upon. */
export interface EventTemplate {
  readonly pdu: UnsignedPdu;
  /** Nids of the auth events that it names. */
  readonly authEvents: readonly number[];
  /** State by which it is to be authorised: those events, and the create event where they need not name it. */
  readonly authState: ReadonlyMap<StateKey, Event>;
}

/**
 * Builds an event on top of an open room, in its current state.
 *
 * @param now `origin_server_ts`, in milliseconds since 1970
 */
export async function templateOf(open: OpenRoom, draft: Draft, now: number): Promise<EventTemplate> {
  const { version } = open;
  const isCreate = draft.type === 'm.room.create';
  const keys = { type: draft.type, sender: draft.sender, state_key: draft.stateKey, content: draft.content };
  const authEvents = isCreate ? [] : [...(await open.stateEvents(authEventKeys(keys, version))).values()];
  const prevEvents = open.extremities.slice(0, MOST_PREV_EVENTS);
  const pdu: UnsignedPdu = {
    type: draft.type,
    ...(isCreate && !version.roomIdInCreateEvent ? {} : { room_id: open.room.roomId }),
    sender: draft.sender,
    ...(draft.stateKey === undefined ? {} : { state_key: draft.stateKey }),
    ...(draft.redacts !== undefined && version.redactsIn === 'event' ? { redacts: draft.redacts.target } : {}),
    content: draft.content,
    depth: nextDepth(
      prevEvents.map((prev) => prev.depth),
      version,
    ),
    origin_server_ts: now,
    prev_events: await references(open, prevEvents),
    auth_events: authEvents.map(({ event }) => referenceTo(event, version)),
  };
  const authState = new Map<StateKey, Event>();
  for (const { event } of authEvents) authState.set(stateKey(event.pdu.type, event.pdu.state_key ?? ''), event);
  if (!isCreate && !version.createInAuthEvents) {
    const create = await open.stateEvent('m.room.create', '');
    if (create !== undefined) authState.set(stateKey('m.room.create', ''), create);
  }
  return { pdu, authEvents: authEvents.map((auth) => auth.nid), authState };
}

/** How an event names the extremities: their content is needed only where their hashes are named too. */
async function references(open: OpenRoom, extremities: readonly Extremity[]): Promise<EventReference[]> {
  if (open.version.eventReferences === 'id') return extremities.map(({ eventId }) => eventId);
  const events = await open.eventsByNid(extremities.map(({ nid }) => nid));
  return [...events.values()].map(({ event }) => referenceTo(event, open.version));
}
