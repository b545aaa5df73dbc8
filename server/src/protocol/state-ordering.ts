/** The two orders in which state resolution replays events ("Definitions" of the state resolution algorithm). */

import { authEventIds, type Event, type EventId } from './event.ts';
import { exactInteger } from './json.ts';
import { type PowerLevel, powerLevelsOf, userPowerLevel } from './power-levels.ts';
import { PriorityQueue } from './priority-queue.ts';
import type { RoomVersion } from './room-versions.ts';
import type { EventSource } from './state-conflicts.ts';

interface PowerOrdered {
  readonly event: Event;
  readonly senderLevel: PowerLevel;
}

/**
 * Reverse topological power ordering: auth events before the events that cite them; where that leaves a choice, the event of
 * the more powerful sender, the older, the one with the smaller id.
 *
 * `createOf` tells the create event of the room, as the event itself would.
 */
export function reverseTopologicalPowerOrdering(
  ids: ReadonlySet<EventId>,
  version: RoomVersion,
  source: EventSource,
  createOf: (event: Event) => Event | undefined,
): EventId[] {
  const citedBy = new Map<EventId, EventId[]>();
  const waitsFor = new Map<EventId, number>();
  const ready = new PriorityQueue<PowerOrdered>(isBeforeByPower);
  const enter = (id: EventId) => {
    const { event } = source(id);
    const powerLevels = powerLevelsAmong(event, source);
    const levels = powerLevelsOf(version, createOf(event)?.pdu, powerLevels?.pdu);
    ready.push({ event, senderLevel: userPowerLevel(levels, event.pdu.sender) });
  };

  for (const id of ids) {
    const within = new Set(authEventIds(source(id).event.pdu).filter((authEvent) => ids.has(authEvent)));
    for (const authEvent of within) {
      const citing = citedBy.get(authEvent);
      if (citing) citing.push(id);
      else citedBy.set(authEvent, [id]);
    }
    waitsFor.set(id, within.size);
    if (within.size === 0) enter(id);
  }

  const ordered: EventId[] = [];
  for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
    const { eventId } = next.event;
    ordered.push(eventId);
    for (const id of citedBy.get(eventId) ?? []) {
      const left = (waitsFor.get(id) ?? 0) - 1;
      waitsFor.set(id, left);
      if (left === 0) enter(id);
    }
  }
  return ordered;
}

/**
 * Mainline ordering: by how early in the history of power levels that led to `powerLevels` an event was authorised, then by
 * age and id. Without `powerLevels` there is no mainline, and only age and id count.
 */
export function mainlineOrdering(
  ids: Iterable<EventId>,
  powerLevels: EventId | undefined,
  source: EventSource,
): EventId[] {
  const positions = new Map<EventId, number>();
  let mainline = powerLevels === undefined ? undefined : source(powerLevels).event;
  while (mainline !== undefined && !positions.has(mainline.eventId)) {
    positions.set(mainline.eventId, positions.size);
    mainline = powerLevelsAmong(mainline, source);
  }
  return [...ids]
    .map((id) => ({ event: source(id).event, position: mainlinePosition(source(id).event, positions, source) }))
    .sort((x, y) => (x.position === y.position ? compareByAge(x.event, y.event) : y.position < x.position ? -1 : 1))
    .map(({ event }) => event.eventId);
}

/**
 * Position of the nearest power levels event before `event` that is on the mainline; infinite if there is none. `positions`
 * is filled for the power levels events on the way, so that each is walked once in all.
 */
function mainlinePosition(event: Event, positions: Map<EventId, number>, source: EventSource): number {
  const passed: EventId[] = [];
  let powerLevels = powerLevelsAmong(event, source);
  while (powerLevels !== undefined && !positions.has(powerLevels.eventId)) {
    passed.push(powerLevels.eventId);
    powerLevels = powerLevelsAmong(powerLevels, source);
  }
  const position = (powerLevels && positions.get(powerLevels.eventId)) ?? Number.POSITIVE_INFINITY;
  for (const id of passed) positions.set(id, position);
  return position;
}

/** The power levels event that an event cites. */
function powerLevelsAmong(event: Event, source: EventSource): Event | undefined {
  for (const id of authEventIds(event.pdu)) {
    const authEvent = source(id).event;
    if (authEvent.pdu.type === 'm.room.power_levels' && authEvent.pdu.state_key === '') return authEvent;
  }
  return undefined;
}

function isBeforeByPower(x: PowerOrdered, y: PowerOrdered): boolean {
  if (x.senderLevel !== y.senderLevel) return x.senderLevel > y.senderLevel;
  return compareByAge(x.event, y.event) < 0;
}

function compareByAge(x: Event, y: Event): number {
  const [timeOfX, timeOfY] = [exactInteger(x.pdu.origin_server_ts), exactInteger(y.pdu.origin_server_ts)];
  if (timeOfX !== timeOfY) return timeOfX < timeOfY ? -1 : 1;
  return x.eventId < y.eventId ? -1 : 1;
}
