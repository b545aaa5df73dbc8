import type { Person } from '../../harness/person.ts';

/** What somebody's client has been sent, as messages come in. */
export interface Inbox {
  /** Follows /sync from where it stands until a message with this text has come. Throws after some minutes. */
  until(roomId: string, text: string): Promise<void>;
}

const WAIT_MS = 150_000;

/** Opens an inbox; one question at a time. */
export function openInbox(person: Person): Inbox {
  let since: string | undefined;
  return {
    async until(roomId, text) {
      const deadline = performance.now() + WAIT_MS;
      while (performance.now() < deadline) {
        const query = since === undefined ? '' : `&since=${encodeURIComponent(since)}`;
        const answer = await person.ok('GET', `/sync?timeout=2000${query}`);
        since = String(answer.next_batch);
        const events: { content: { body?: unknown } }[] = answer.rooms?.join?.[roomId]?.timeline.events ?? [];
        if (events.some((event) => event.content.body === text)) return;
      }
      throw new Error(`${person.userId} has waited in vain for "${text}"`);
    },
  };
}
