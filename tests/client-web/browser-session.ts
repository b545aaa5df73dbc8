import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll } from 'vitest';
import { launchChromium } from '../harness/chromium.ts';
import type { TestHomeserver } from '../harness/homeserver.ts';
import { PATIENCE_MS } from './visitor.ts';

/** Someone with an account and a login, who acts through the client-server API. */
export interface TestUser {
  readonly userId: string;
  readonly deviceId: string;
  readonly accessToken: string;
  /** Sends a request below `/_matrix/client/v3` and answers its body; throws when the server refuses. */
  call<T = Record<string, string>>(method: string, path: string, body?: unknown): Promise<T>;
  /** Sends an event and answers its id. */
  send(roomId: string, content: object, type?: string): Promise<string>;
}

let transactions = 0;

/** Makes an account with a display name. */
export async function registerUser(server: TestHomeserver, name: string): Promise<TestUser> {
  const request = async <T>(method: string, path: string, body?: unknown, accessToken?: string): Promise<T> => {
    const response = await fetch(`${server.baseUrl}/_matrix/client/v3${path}`, {
      method,
      headers: {
        'Content-Type': 'application/json',
        ...(accessToken !== undefined && { Authorization: `Bearer ${accessToken}` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as T;
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${JSON.stringify(answer)}`);
    return answer;
  };
  const account = await request<{ user_id: string; device_id: string; access_token: string }>('POST', '/register', {
    username: name.toLowerCase().replace(/[^a-z]/g, ''),
    password: 'a long enough password',
    auth: { type: 'm.login.dummy' },
  });
  const user: TestUser = {
    userId: account.user_id,
    deviceId: account.device_id,
    accessToken: account.access_token,
    call: (method, path, body) => request(method, path, body, account.access_token),
    send: async (roomId, content, type = 'm.room.message') => {
      transactions += 1;
      const path = `/rooms/${encodeURIComponent(roomId)}/send/${type}/t${transactions}`;
      const { event_id: eventId } = await user.call<{ event_id: string }>('PUT', path, content);
      return eventId;
    },
  };
  await user.call('PUT', `/profile/${encodeURIComponent(user.userId)}/displayname`, { displayname: name });
  return user;
}

/** A room of the first user that the others have joined. Answers its id. */
export async function createRoom(users: readonly TestUser[], options: object = {}): Promise<string> {
  const [creator, ...others] = users;
  if (!creator) throw new Error('A room needs a creator.');
  const { room_id: roomId } = await creator.call<{ room_id: string }>('POST', '/createRoom', {
    preset: 'public_chat',
    name: 'design',
    ...options,
  });
  for (const other of others) await other.call('POST', `/join/${encodeURIComponent(roomId)}`, {});
  return roomId;
}

/** One browser for the whole test file. */
export function useBrowser(): { current: Browser } {
  const holder = {} as { current: Browser };
  beforeAll(async () => {
    holder.current = await launchChromium();
  });
  afterAll(async () => {
    await holder.current?.close();
  });
  return holder;
}

export interface SignedInPage {
  readonly page: Page;
  /** What the page complained about: errors, and everything its content security policy refused. */
  readonly complaints: readonly string[];
}

/** Opens a room in a browser of its own in which the user is signed in already. */
export async function openRoom(
  browser: Browser,
  server: TestHomeserver,
  user: TestUser,
  roomId: string,
  options: BrowserContextOptions & { readonly search?: string } = {},
): Promise<SignedInPage> {
  const { search = '', ...contextOptions } = options;
  const context = await browser.newContext({
    viewport: { width: 1200, height: 800 },
    locale: 'en-GB',
    ...contextOptions,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const { userId, deviceId, accessToken } = user;
  const credentials = { baseUrl: server.baseUrl, userId, deviceId, accessToken };
  await context.addInitScript(
    (value) => localStorage.setItem('parley:credentials', value),
    JSON.stringify(credentials),
  );
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (/Content Security Policy|TrustedHTML|TrustedScript/.test(message.text())) complaints.push(message.text());
  });
  await page.goto(`${server.baseUrl}/#/room/${encodeURIComponent(roomId)}${search}`);
  await page.getByRole('main').getByRole('region').first().waitFor();
  return { page, complaints };
}
