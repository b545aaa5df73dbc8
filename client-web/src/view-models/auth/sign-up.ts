import {
  type AuthData,
  checkUsername,
  getRegistrationFlows,
  register,
  setDisplayName,
  type UiaChallenge,
} from '../../platform/auth-api.ts';
import type { Credentials } from '../../platform/credentials.ts';
import { errcodeOf, type Problem, toProblem } from '../problem.ts';
import { ViewModel } from '../view-model.ts';

/** `unsupported`: the server wants a step that this client cannot do. */
export type RegistrationMode = 'open' | 'token' | 'closed' | 'unsupported';
export type UsernameCheck = 'unchecked' | 'checking' | 'available' | 'taken' | 'invalid';

export interface SignUpState {
  mode: RegistrationMode | undefined;
  usernameCheck: UsernameCheck;
  pending: boolean;
  wrongToken: boolean;
  /** The server's words on a password it does not accept. */
  weakPassword: string | undefined;
  problem: Problem | undefined;
}

export interface SignUpOptions {
  baseUrl: string;
  deviceName: string;
  onSignedIn: (credentials: Credentials) => Promise<void>;
  /** How long to wait after a key before asking whether a name is free. */
  checkDelayMs?: number;
}

const dummyStage = 'm.login.dummy';
const tokenStage = 'm.login.registration_token';

/** Creating an account on a server that is open or asks for a token. */
export class SignUpViewModel extends ViewModel<SignUpState> {
  readonly #options: SignUpOptions;
  #check: { timer: ReturnType<typeof setTimeout>; abort: AbortController } | undefined;

  constructor(options: SignUpOptions) {
    super({
      mode: undefined,
      usernameCheck: 'unchecked',
      pending: false,
      wrongToken: false,
      weakPassword: undefined,
      problem: undefined,
    });
    this.#options = options;
    this.own(() => this.#cancelCheck());
    void this.loadFlows();
  }

  /** Asks the server what creating an account takes. */
  async loadFlows(): Promise<void> {
    this.set({ problem: undefined });
    try {
      const challenge = await getRegistrationFlows(this.#options.baseUrl);
      this.set({ mode: modeOf(challenge) });
    } catch (error) {
      if (errcodeOf(error) === 'M_FORBIDDEN') this.set({ mode: 'closed' });
      else this.set({ problem: toProblem(error) });
    }
  }

  /** To be called with every change of the name. */
  usernameChanged(username: string): void {
    this.#cancelCheck();
    if (username === '') {
      this.set({ usernameCheck: 'unchecked' });
      return;
    }
    this.set({ usernameCheck: 'checking' });
    const abort = new AbortController();
    const timer = setTimeout(() => void this.#checkUsername(username, abort.signal), this.#options.checkDelayMs ?? 350);
    this.#check = { timer, abort };
  }

  async signUp(account: { username: string; password: string; displayName: string; token: string }): Promise<void> {
    if (this.getState().pending) return;
    this.set({ pending: true, wrongToken: false, weakPassword: undefined, problem: undefined });
    try {
      const credentials = await this.#register(account.username, account.password, account.token.trim());
      if (!credentials) return;
      if (account.displayName) await setFirstName(credentials, account.displayName);
      await this.#options.onSignedIn(credentials);
    } catch (error) {
      this.#showFailure(error);
    } finally {
      this.set({ pending: false });
    }
  }

  /** Goes through the server's stages one by one. Undefined where one failed and the state says why. */
  async #register(username: string, password: string, token: string): Promise<Credentials | undefined> {
    const { baseUrl, deviceName } = this.#options;
    let auth: AuthData | undefined;
    // A flow has two stages here, plus the first call that names them.
    for (let attempt = 0; attempt < 5; attempt++) {
      const result = await register(baseUrl, { username, password, deviceName, ...(auth ? { auth } : {}) });
      if ('accessToken' in result) return result;
      const stage = nextStage(result);
      if (!stage) {
        this.set({ mode: 'unsupported' });
        return undefined;
      }
      if (auth?.type === stage) {
        // The stage that was just tried is still missing.
        this.set({ wrongToken: stage === tokenStage });
        return undefined;
      }
      auth = {
        type: stage,
        ...(result.session === undefined ? {} : { session: result.session }),
        ...(stage === tokenStage ? { token } : {}),
      };
    }
    throw new Error('The server keeps asking for the same steps');
  }

  async #checkUsername(username: string, signal: AbortSignal): Promise<void> {
    try {
      const usernameCheck = await checkUsername(this.#options.baseUrl, username, signal);
      if (!signal.aborted) this.set({ usernameCheck });
    } catch {
      // Only a convenience: registering itself says what is wrong.
      if (!signal.aborted) this.set({ usernameCheck: 'unchecked' });
    }
  }

  #showFailure(error: unknown): void {
    const errcode = errcodeOf(error);
    if (errcode === 'M_USER_IN_USE' || errcode === 'M_EXCLUSIVE') this.set({ usernameCheck: 'taken' });
    else if (errcode === 'M_INVALID_USERNAME') this.set({ usernameCheck: 'invalid' });
    else if (errcode === 'M_WEAK_PASSWORD') this.set({ weakPassword: error instanceof Error ? error.message : '' });
    else if (errcode === 'M_FORBIDDEN') this.set({ mode: 'closed' });
    else this.set({ problem: toProblem(error) });
  }

  #cancelCheck(): void {
    if (!this.#check) return;
    clearTimeout(this.#check.timer);
    this.#check.abort.abort();
    this.#check = undefined;
  }
}

function modeOf(challenge: UiaChallenge): RegistrationMode {
  const possible = challenge.flows.filter((flow) =>
    flow.stages.every((stage) => stage === dummyStage || stage === tokenStage),
  );
  if (possible.length === 0) return challenge.flows.length === 0 ? 'open' : 'unsupported';
  return possible.some((flow) => !flow.stages.includes(tokenStage)) ? 'open' : 'token';
}

/** The first stage that is still missing in the easiest flow we can do. */
function nextStage(challenge: UiaChallenge): string | undefined {
  const possible = challenge.flows
    .filter((flow) => flow.stages.every((stage) => stage === dummyStage || stage === tokenStage))
    .sort((a, b) => Number(a.stages.includes(tokenStage)) - Number(b.stages.includes(tokenStage)));
  return possible[0]?.stages.find((stage) => !challenge.completed.includes(stage));
}

/** The account is there already: a name that could not be set is no reason to stop. It can be set later. */
export async function setFirstName(credentials: Credentials, displayName: string): Promise<void> {
  try {
    await setDisplayName(credentials, displayName);
  } catch {
    // The user id stands in.
  }
}
