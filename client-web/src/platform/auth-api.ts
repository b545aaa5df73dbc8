import type { Credentials } from './credentials.ts';
import { HttpError, requestJson } from './http.ts';

/**
 * Registering and signing in, spoken without the Matrix SDK so that the pages before sign-in stay small.
 * Client-server API, "Login", "Account registration" and "User-Interactive Authentication API".
 */

interface SessionResponse {
  user_id: string;
  device_id: string;
  access_token: string;
}

export interface UiaFlow {
  stages: string[];
}

/** What the server still wants before it creates the account. */
export interface UiaChallenge {
  session: string | undefined;
  flows: UiaFlow[];
  completed: string[];
  params: Readonly<Record<string, unknown>>;
}

export interface AuthData {
  type: string;
  session?: string;
  [member: string]: unknown;
}

export interface RegistrationRequest {
  username: string;
  password: string;
  deviceName: string;
  auth?: AuthData;
}

/** The types of login the server offers, `m.login.password` for example. GET /_matrix/client/v3/login */
export async function getLoginTypes(baseUrl: string, signal?: AbortSignal): Promise<string[]> {
  const body = await requestJson<{ flows?: { type?: unknown }[] }>({
    method: 'GET',
    url: `${baseUrl}/_matrix/client/v3/login`,
    ...(signal ? { signal } : {}),
  });
  return (body.flows ?? []).flatMap((flow) => (typeof flow.type === 'string' ? [flow.type] : []));
}

/** POST /_matrix/client/v3/login. `deviceId` is given to sign in again on a device that the server still knows. */
export async function signInWithPassword(
  baseUrl: string,
  request: { username: string; password: string; deviceName: string; deviceId?: string },
): Promise<Credentials> {
  const response = await requestJson<SessionResponse>({
    method: 'POST',
    url: `${baseUrl}/_matrix/client/v3/login`,
    body: {
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: request.username },
      password: request.password,
      initial_device_display_name: request.deviceName,
      ...(request.deviceId ? { device_id: request.deviceId } : {}),
    },
  });
  return toCredentials(baseUrl, response);
}

/** POST /_matrix/client/v3/register. Returns what is still missing, or the new account's first login. */
export async function register(baseUrl: string, request: RegistrationRequest): Promise<Credentials | UiaChallenge> {
  try {
    const response = await requestJson<SessionResponse>({
      method: 'POST',
      url: `${baseUrl}/_matrix/client/v3/register`,
      body: {
        username: request.username,
        password: request.password,
        initial_device_display_name: request.deviceName,
        ...(request.auth ? { auth: request.auth } : {}),
      },
    });
    return toCredentials(baseUrl, response);
  } catch (error) {
    const challenge = readChallenge(error);
    if (!challenge) throw error;
    return challenge;
  }
}

/** What registering asks for, found by an empty attempt. Throws HttpError M_FORBIDDEN where it is closed. */
export async function getRegistrationFlows(baseUrl: string): Promise<UiaChallenge> {
  try {
    await requestJson({ method: 'POST', url: `${baseUrl}/_matrix/client/v3/register`, body: {} });
  } catch (error) {
    const challenge = readChallenge(error);
    if (!challenge) throw error;
    return challenge;
  }
  return { session: undefined, flows: [], completed: [], params: {} };
}

/** GET /_matrix/client/v3/register/available. The errcode says why a name cannot be had. */
export async function checkUsername(
  baseUrl: string,
  username: string,
  signal?: AbortSignal,
): Promise<'available' | 'taken' | 'invalid'> {
  try {
    await requestJson({
      method: 'GET',
      url: `${baseUrl}/_matrix/client/v3/register/available?${new URLSearchParams({ username })}`,
      ...(signal ? { signal } : {}),
    });
    return 'available';
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    if (error.errcode === 'M_USER_IN_USE' || error.errcode === 'M_EXCLUSIVE') return 'taken';
    if (error.errcode === 'M_INVALID_USERNAME') return 'invalid';
    throw error;
  }
}

/** GET /_parley/setup: whether this server still waits for its first administrator. */
export async function isSetupOpen(baseUrl: string, signal?: AbortSignal): Promise<boolean> {
  const body = await requestJson<{ open?: unknown }>({
    method: 'GET',
    url: `${baseUrl}/_parley/setup`,
    ...(signal ? { signal } : {}),
  });
  return body.open === true;
}

/** POST /_parley/setup: creates the first administrator with the one-time token printed at start. */
export async function createAdministrator(
  baseUrl: string,
  request: { token: string; username: string; password: string; deviceName: string },
): Promise<Credentials> {
  const response = await requestJson<SessionResponse>({
    method: 'POST',
    url: `${baseUrl}/_parley/setup`,
    body: {
      token: request.token,
      username: request.username,
      password: request.password,
      initial_device_display_name: request.deviceName,
    },
  });
  return toCredentials(baseUrl, response);
}

/** PUT /_matrix/client/v3/profile/{userId}/displayname */
export async function setDisplayName(credentials: Credentials, displayName: string): Promise<void> {
  await requestJson({
    method: 'PUT',
    url: `${credentials.baseUrl}/_matrix/client/v3/profile/${encodeURIComponent(credentials.userId)}/displayname`,
    accessToken: credentials.accessToken,
    body: { displayname: displayName },
  });
}

function toCredentials(baseUrl: string, response: SessionResponse): Credentials {
  return { baseUrl, userId: response.user_id, deviceId: response.device_id, accessToken: response.access_token };
}

function readChallenge(error: unknown): UiaChallenge | undefined {
  if (!(error instanceof HttpError) || error.status !== 401) return undefined;
  const { session, flows, completed, params } = error.body as Partial<Record<keyof UiaChallenge, unknown>>;
  if (!Array.isArray(flows)) return undefined;
  return {
    session: typeof session === 'string' ? session : undefined,
    flows: flows as UiaFlow[],
    completed: Array.isArray(completed) ? completed.filter((stage) => typeof stage === 'string') : [],
    params: typeof params === 'object' && params !== null ? (params as Record<string, unknown>) : {},
  };
}
