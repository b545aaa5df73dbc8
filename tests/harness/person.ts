import { expect } from 'vitest';
import type { TestHomeserver } from './homeserver.ts';

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
}

/** An event as a client sees it. */
export interface SeenEvent {
  readonly event_id: string;
  readonly type: string;
  readonly sender: string;
  readonly state_key?: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into content of every shape
  readonly content: any;
}

/** What somebody needs to know about a homeserver. */
export type PersonsServer = Pick<TestHomeserver, 'serverName' | 'baseUrl'>;

const WAIT_MS = 150_000;

/** What comes in the meantime does not push what is waited for out of the first answer. */
const FILTER = encodeURIComponent(JSON.stringify({ room: { timeline: { limit: 100 } } }));

/** Counts for all: a device that goes on after a restart of its server must not repeat a transaction id. */
let transactions = 0;

/** Somebody with an account on a homeserver under test, who uses nothing but the client-server API. */
export class Person {
  readonly server: PersonsServer;
  readonly userId: string;
  readonly #token: string;

  private constructor(server: PersonsServer, userId: string, token: string) {
    this.server = server;
    this.userId = userId;
    this.#token = token;
  }

  static async register(server: PersonsServer, name: string): Promise<Person> {
    const request = { username: name, password: `password of ${name}`, auth: { type: 'm.login.dummy' } };
    const response = await fetch(`${server.baseUrl}/_matrix/client/v3/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
    });
    const body = (await response.json()) as { user_id: string; access_token: string };
    expect(response.status, JSON.stringify(body)).toBe(200);
    return new Person(server, body.user_id, body.access_token);
  }

  /** The same device, talking to another process of its homeserver, or to the one that runs after a restart. */
  at(server: PersonsServer): Person {
    return new Person(server, this.userId, this.#token);
  }

  /** Any request below `/_matrix`, for bodies that are not JSON. */
  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { ...init.headers, authorization: `Bearer ${this.#token}` };
    return await fetch(`${this.server.baseUrl}/_matrix${path}`, { ...init, headers });
  }

  /** Any call below `/_matrix/client/v3`. */
  async call(method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<Answer> {
    const response = await this.fetch(`/client/v3${path}`, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' } }),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  }

  /** A call that has to succeed. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  async ok(method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<any> {
    const answer = await this.call(method, path, body);
    expect(answer.status, `${method} ${path}: ${JSON.stringify(answer.body)}`).toBe(200);
    return answer.body;
  }

  async createRoom(options: Record<string, unknown> = {}): Promise<string> {
    return (await this.ok('POST', '/createRoom', { preset: 'public_chat', ...options })).room_id;
  }

  /** @returns the room id */
  async join(roomIdOrAlias: string, via: readonly string[] = []): Promise<string> {
    const query = via.map((server) => `via=${encodeURIComponent(server)}`).join('&');
    return (await this.ok('POST', `/join/${encodeURIComponent(roomIdOrAlias)}?${query}`, {})).room_id;
  }

  /** A call about a room. */
  async room(method: 'GET' | 'PUT' | 'POST', roomId: string, path: string, body?: unknown): Promise<Answer> {
    return await this.call(method, `/rooms/${encodeURIComponent(roomId)}/${path}`, body);
  }

  /** A call about a room that has to succeed. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  async roomOk(method: 'GET' | 'PUT' | 'POST', roomId: string, path: string, body?: unknown): Promise<any> {
    return await this.ok(method, `/rooms/${encodeURIComponent(roomId)}/${path}`, body);
  }

  /** @returns the event id */
  async say(roomId: string, text: string): Promise<string> {
    const path = `send/m.room.message/${transactions++}`;
    return (await this.roomOk('PUT', roomId, path, { msgtype: 'm.text', body: text })).event_id;
  }

  async setState(roomId: string, type: string, content: unknown, stateKey = ''): Promise<string> {
    return (await this.roomOk('PUT', roomId, `state/${type}/${encodeURIComponent(stateKey)}`, content)).event_id;
  }

  async redact(roomId: string, eventId: string): Promise<string> {
    const path = `redact/${encodeURIComponent(eventId)}/${transactions++}`;
    return (await this.roomOk('PUT', roomId, path, {})).event_id;
  }

  async membership(roomId: string, userId = this.userId): Promise<string | undefined> {
    const answer = await this.room('GET', roomId, `state/m.room.member/${encodeURIComponent(userId)}`);
    return answer.status === 200 ? answer.body.membership : undefined;
  }

  /** The timeline that this person may see, oldest first, as far back as it can be had at present. */
  async history(roomId: string): Promise<SeenEvent[]> {
    const events: SeenEvent[] = [];
    let from = '';
    for (;;) {
      const answer = await this.room('GET', roomId, `messages?dir=b&limit=100${from}`);
      // Servers that have what was before our time cannot be reached.
      if (from !== '' && answer.status === 502) return events.reverse();
      expect(answer.status, JSON.stringify(answer.body)).toBe(200);
      const page = answer.body;
      events.push(...page.chunk);
      if (page.end === undefined) return events.reverse();
      from = `&from=${encodeURIComponent(page.end)}`;
    }
  }

  /** Texts of the messages in `history`. */
  async texts(roomId: string): Promise<string[]> {
    return (await this.history(roomId)).flatMap((event) => event.content.body ?? []);
  }

  /**
   * Follows /sync from its beginning, as a client does, until an answer fits.
   *
   * @param fits gets each answer; anything but undefined and false ends the wait and is returned
   */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  async untilSync<T>(fits: (answer: any) => T | undefined | false, what: string): Promise<T> {
    const deadline = performance.now() + WAIT_MS;
    let since = '';
    while (performance.now() < deadline) {
      const answer = await this.ok('GET', `/sync?timeout=2000&filter=${FILTER}${since}`);
      const found = fits(answer);
      if (found !== undefined && found !== false) return found;
      since = `&since=${encodeURIComponent(answer.next_batch)}`;
    }
    throw new Error(`${this.userId} has waited in vain for ${what}`);
  }

  /** Waits for an event in the timeline of a joined room. */
  async untilEvent(roomId: string, fits: (event: SeenEvent) => boolean, what: string): Promise<SeenEvent> {
    return await this.untilSync((answer) => {
      const room = answer.rooms?.join?.[roomId] ?? answer.rooms?.leave?.[roomId];
      return room?.timeline.events.find(fits);
    }, what);
  }

  async untilText(roomId: string, text: string): Promise<SeenEvent> {
    return await this.untilEvent(roomId, (event) => event.content.body === text, `the message "${text}"`);
  }

  /** Waits for an invite. @returns its stripped state */
  async untilInvited(roomId: string): Promise<SeenEvent[]> {
    return await this.untilSync((answer) => answer.rooms?.invite?.[roomId]?.invite_state.events, 'an invite');
  }

  /** Asks again at every change until the answer is wanted. */
  async until(isSo: () => Promise<boolean>, what: string): Promise<void> {
    const deadline = performance.now() + WAIT_MS;
    let since = '';
    while (performance.now() < deadline) {
      // The token first: what changes after the question ends the next long poll at once.
      const { next_batch: next } = await this.ok('GET', `/sync?timeout=2000${since}`);
      since = `&since=${encodeURIComponent(next)}`;
      if (await isSo()) return;
    }
    throw new Error(`${this.userId} has waited in vain for ${what}`);
  }

  /** Waits until a membership is as wanted. */
  async untilMembership(roomId: string, userId: string, membership: string): Promise<void> {
    await this.until(
      async () => (await this.membership(roomId, userId)) === membership,
      `${userId} to be ${membership}`,
    );
  }
}
