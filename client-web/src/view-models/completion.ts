import type { Person } from '../matrix/timeline-event.ts';

/** Something that completion offers for what is being typed. */
export type Completion =
  | { kind: 'person'; key: string; person: Person }
  | { kind: 'everyone'; key: string }
  | { kind: 'room'; key: string; id: string; name: string; avatarMxc?: string }
  | { kind: 'emoji'; key: string; emoji: string; label: string; shortcode?: string };

/** A room that can be named in a message. */
export interface NamedRoom {
  id: string;
  name: string;
  avatarMxc?: string;
}

export const MAX_COMPLETIONS = 8;

const fold = (text: string): string => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

/** How well a text fits what was typed, smaller is better; undefined for not at all. Accents and case do not matter. */
function rank(text: string, query: string): number | undefined {
  const folded = fold(text);
  if (folded.startsWith(query)) return 0;
  if (folded.split(/[\s._-]+/).some((word) => word.startsWith(query))) return 1;
  return folded.includes(query) ? 2 : undefined;
}

function best<T>(items: readonly T[], textsOf: (item: T) => readonly string[], typed: string): T[] {
  const query = fold(typed);
  return items
    .flatMap((item, order) => {
      const ranks = textsOf(item).flatMap((text, index) => {
        const matched = rank(text, query);
        return matched === undefined ? [] : [matched + index * 0.5];
      });
      return ranks.length === 0 ? [] : [{ item, rank: Math.min(...ranks), order }];
    })
    .sort((a, b) => a.rank - b.rank || a.order - b.order)
    .slice(0, MAX_COMPLETIONS)
    .map(({ item }) => item);
}

/**
 * People for what was typed after `@`. Between equal fits the given order decides.
 *
 * @param canMentionRoom whether `@room`, which notifies everyone, may be offered
 */
export function completePeople(people: readonly Person[], typed: string, canMentionRoom: boolean): Completion[] {
  const found: Completion[] = best(people, (person) => [person.name, person.id.slice(1)], typed).map((person) => ({
    kind: 'person',
    key: person.id,
    person,
  }));
  if (!canMentionRoom || !'room'.startsWith(typed.toLowerCase()) || typed === '') return found;
  return [...found.slice(0, MAX_COMPLETIONS - 1), { kind: 'everyone', key: '@room' }];
}

/** Rooms for what was typed after `#`. */
export function completeRooms(rooms: readonly NamedRoom[], typed: string): Completion[] {
  return best(rooms, (room) => [room.name, room.id.slice(1)], typed).map((room) => ({
    kind: 'room',
    key: room.id,
    ...room,
  }));
}
