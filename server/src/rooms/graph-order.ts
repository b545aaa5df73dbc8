import { type Event, type EventId, prevEventIds } from '../protocol/event.ts';

/**
 * Puts events in an order in which each comes after those of the others that it builds on. Iterative, and each is visited once,
 * so that no claim about depth matters (A1.14).
 *
 * @param before the ids that an event has to come after
 */
export function orderedAfter<E extends Event>(events: readonly E[], before: (event: E) => readonly EventId[]): E[] {
  const byId = new Map(events.map((event) => [event.eventId, event]));
  const done = new Set<EventId>();
  const entered = new Set<EventId>();
  const ordered: E[] = [];
  for (const start of events) {
    const stack = [start];
    for (let event = stack.at(-1); event !== undefined; event = stack.at(-1)) {
      const id = event.eventId;
      const waiting = entered.has(id)
        ? []
        : before(event).flatMap((other) => (done.has(other) ? [] : (byId.get(other) ?? [])));
      entered.add(id);
      if (waiting.length > 0) {
        stack.push(...waiting);
        continue;
      }
      stack.pop();
      if (done.has(id)) continue;
      done.add(id);
      ordered.push(event);
    }
  }
  return ordered;
}

/** Those of the events that lead back from the given ids by `prev_events`. What a server adds beyond them is not asked for. */
export function leadingBackFrom<E extends Event>(events: readonly E[], from: readonly EventId[]): E[] {
  const byId = new Map(events.map((event) => [event.eventId, event]));
  const reached = new Map<EventId, E>();
  const waiting = [...from];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    const event = byId.get(id);
    if (event === undefined || reached.has(id)) continue;
    reached.set(id, event);
    waiting.push(...prevEventIds(event.pdu));
  }
  return [...reached.values()];
}
