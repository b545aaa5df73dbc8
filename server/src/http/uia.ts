import Type from 'typebox';
import { MatrixError } from '../protocol/errors.ts';
import type { UserId } from '../protocol/event.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../protocol/json.ts';
import type { PasswordProof } from '../users/accounts.ts';
import { NO_PROGRESS, type UiaProgress, type UiaSessions } from '../users/uia-sessions.ts';
import { boundedString } from './schemas.ts';

/** The `auth` key of a request that uses user-interactive authentication. */
export const AuthData = Type.Object({
  type: Type.Optional(boundedString(255)),
  session: Type.Optional(boundedString(255)),
});

export type UiaStage = 'm.login.dummy' | 'm.login.password' | 'm.login.registration_token';

/** An operation that has to be authorised by the user. */
export interface UiaOperation {
  /** Method and path: what exactly is to be done, and to what. */
  readonly name: string;
  /** Who is signed in. Only their own password counts. */
  readonly requester: UserId | undefined;
  /** The request's body, with `auth`. */
  readonly body: JsonObject;
  /** Whether the rest of the body may change during the dialogue: only where no account is at stake yet. */
  readonly bodyMayChange: boolean;
  readonly flows: readonly (readonly UiaStage[])[];
  readonly ip: string;
}

/** Proof that the dialogue was completed. */
export interface UiaProof extends UiaProgress {
  readonly ok: true;
  /** Ends the dialogue: call it when the operation has been done, so that the proof is good for no other. */
  close(): Promise<void>;
}

/** The 401 that asks for (more) authentication. It has an `errcode` only when an attempt has failed. */
class UiaChallenge extends MatrixError {
  override body(): Record<string, unknown> {
    if (this.errcode === '') return { ...this.extra };
    return super.body();
  }
}

export interface UserInteractiveAuth {
  /**
   * Client-Server API, "User-Interactive Authentication API". Answers once all stages of one of the flows are complete, in
   * order, for this operation and not longer than five minutes ago (A7.5); throws the 401 that asks for more otherwise.
   */
  authorise(operation: UiaOperation): Promise<UiaProof>;
}

export function createUserInteractiveAuth(options: {
  sessions: UiaSessions;
  checkPassword(name: string, password: string, ip: string): Promise<PasswordProof | { readonly ok: false }>;
  /** Row id of a registration token that may be used now. */
  findRegistrationToken(token: string): Promise<number | undefined>;
}): UserInteractiveAuth {
  const { sessions } = options;

  async function runStage(
    type: string,
    auth: JsonObject,
    operation: UiaOperation,
    progress: UiaProgress,
  ): Promise<UiaProgress | string> {
    const completed = [...progress.completed, type];
    if (type === 'm.login.dummy') return { ...progress, completed };
    if (type === 'm.login.password') {
      const name = userName(auth);
      if (name === undefined || typeof auth.password !== 'string')
        return 'A user identifier and a password are needed.';
      const result = await options.checkPassword(name, auth.password, operation.ip);
      if (!result.ok || (operation.requester !== undefined && result.userId !== operation.requester))
        return 'The username or the password is wrong.';
      return { ...progress, completed, userId: result.userId };
    }
    const id = typeof auth.token === 'string' ? await options.findRegistrationToken(auth.token) : undefined;
    if (id === undefined) return 'The registration token is not valid.';
    return { ...progress, completed, registrationTokenId: id };
  }

  return {
    async authorise(operation) {
      const bound = operationText(operation);
      const auth = isJsonObject(operation.body.auth) ? operation.body.auth : undefined;
      const given = typeof auth?.session === 'string' ? auth.session : undefined;
      let progress = given === undefined ? undefined : await sessions.find(given, bound);
      const session = given !== undefined && progress !== undefined ? given : await sessions.open(bound);
      progress ??= NO_PROGRESS;

      const type = typeof auth?.type === 'string' ? auth.type : undefined;
      let failure: string | undefined;
      if (type !== undefined && !progress.completed.includes(type)) {
        const outcome = isNext(type, progress, operation.flows)
          ? await runStage(type, auth ?? {}, operation, progress)
          : 'This stage is not the next one of any flow.';
        if (typeof outcome === 'string') failure = outcome;
        else {
          progress = outcome;
          await sessions.record(session, progress);
        }
      }
      const { completed } = progress;
      if (operation.flows.some((flow) => flow.length > 0 && flow.join(' ') === completed.join(' ')))
        return { ...progress, ok: true, close: async () => await sessions.close(session) };
      throw challenge(operation.flows, session, completed, failure);
    },
  };
}

function isNext(type: string, progress: UiaProgress, flows: UiaOperation['flows']): boolean {
  const wanted = [...progress.completed, type];
  return flows.some((flow) => wanted.every((stage, i) => flow[i] === stage));
}

function challenge(
  flows: UiaOperation['flows'],
  session: string,
  completed: readonly string[],
  failure: string | undefined,
): MatrixError {
  const body = { flows: flows.map((stages) => ({ stages })), params: {}, session };
  return new UiaChallenge(failure === undefined ? '' : 'M_FORBIDDEN', failure ?? 'Authentication is needed.', 401, {
    ...body,
    ...(completed.length > 0 ? { completed } : {}),
  });
}

/** The user that a password stage names: `m.id.user`, or the older `user` next to it. */
export function userName(auth: JsonObject): string | undefined {
  const { identifier, user } = auth;
  if (!isJsonObject(identifier)) return typeof user === 'string' ? user : undefined;
  return identifier.type === 'm.id.user' && typeof identifier.user === 'string' ? identifier.user : undefined;
}

/** The operation as text, in which the order of keys does not matter. */
function operationText(operation: UiaOperation): string {
  const { auth: _auth, ...rest } = operation.body;
  return JSON.stringify([operation.name, operation.requester ?? null, operation.bodyMayChange ? null : sorted(rest)]);
}

function sorted(value: JsonValue | undefined): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  return Object.keys(value)
    .sort()
    .map((key) => [key, sorted(value[key])]);
}
