/** An id that was handed out for something: an event id for a transaction id, a position for a row. */
export interface Assignment {
  readonly id: string;
  readonly of: string;
}

export interface UniqueIdsResult {
  /** Ids that were handed out for more than one thing. */
  readonly reused: string[];
  /** Things that were given more than one id: a repeated request was taken for a new one. */
  readonly conflicting: string[];
}

/** Was any id handed out twice, or two ids for one thing? Being told the same id for the same thing again is fine. */
export function checkUniqueIds(assignments: readonly Assignment[]): UniqueIdsResult {
  const thingOf = new Map<string, string>();
  const idOf = new Map<string, string>();
  const reused = new Set<string>();
  const conflicting = new Set<string>();
  for (const { id, of } of assignments) {
    if ((thingOf.get(id) ?? of) !== of) reused.add(id);
    if ((idOf.get(of) ?? id) !== id) conflicting.add(of);
    thingOf.set(id, of);
    idOf.set(of, id);
  }
  return { reused: [...reused], conflicting: [...conflicting] };
}
