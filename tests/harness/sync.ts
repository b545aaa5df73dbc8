import type { ClientAnswer, TestClient } from './client.ts';

/** A `/sync` of a client. */
export async function sync(client: TestClient, query: Record<string, string> = {}): Promise<ClientAnswer['body']> {
  return await client.ok('GET', `v3/sync?${new URLSearchParams(query)}`);
}

/** The parameter `filter` for what is wanted of rooms. */
export const filterOf = (room: unknown) => JSON.stringify({ room });

export const types = (events: { type: string }[]) => events.map((event) => event.type);

/** Texts of the messages among events. */
export const bodies = (events: { content: { body?: string } }[]) => events.flatMap((event) => event.content.body ?? []);
