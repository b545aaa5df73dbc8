import { getLoginTypes, signInWithPassword } from '../../platform/auth-api.ts';
import type { Credentials } from '../../platform/credentials.ts';
import { errcodeOf, type Problem, toProblem } from '../problem.ts';
import { ViewModel } from '../view-model.ts';

export interface SignInState {
  /** Undefined until the server has said how one signs in. */
  passwordOffered: boolean | undefined;
  pending: boolean;
  /** Name or password are wrong: said at the field, not as a failure. */
  wrongPassword: boolean;
  deactivated: boolean;
  problem: Problem | undefined;
}

export interface SignInOptions {
  baseUrl: string;
  deviceName: string;
  /** The login to renew, after the server asked for it. */
  previous: Credentials | undefined;
  onSignedIn: (credentials: Credentials) => Promise<void>;
}

export class SignInViewModel extends ViewModel<SignInState> {
  readonly #options: SignInOptions;

  constructor(options: SignInOptions) {
    super({ passwordOffered: undefined, pending: false, wrongPassword: false, deactivated: false, problem: undefined });
    this.#options = options;
    void this.loadFlows();
  }

  /** Asks the server how one signs in. */
  async loadFlows(): Promise<void> {
    this.set({ problem: undefined });
    try {
      const types = await getLoginTypes(this.#options.baseUrl);
      this.set({ passwordOffered: types.includes('m.login.password') });
    } catch (error) {
      this.set({ problem: toProblem(error) });
    }
  }

  async signIn(username: string, password: string): Promise<void> {
    if (this.getState().pending) return;
    this.set({ pending: true, wrongPassword: false, deactivated: false, problem: undefined });
    const { baseUrl, deviceName, previous, onSignedIn } = this.#options;
    try {
      const credentials = await signInWithPassword(baseUrl, {
        username: normaliseUsername(username),
        password,
        deviceName,
        ...(previous ? { deviceId: previous.deviceId } : {}),
      });
      await onSignedIn(credentials);
    } catch (error) {
      const errcode = errcodeOf(error);
      if (errcode === 'M_FORBIDDEN') this.set({ wrongPassword: true });
      else if (errcode === 'M_USER_DEACTIVATED') this.set({ deactivated: true });
      else this.set({ problem: toProblem(error) });
    } finally {
      this.set({ pending: false });
    }
  }
}

/** People write their name with and without the @; a full Matrix id stays as it is. */
export function normaliseUsername(text: string): string {
  const trimmed = text.trim();
  if (trimmed.startsWith('@') && trimmed.includes(':')) return trimmed;
  return trimmed.replace(/^@/, '').toLowerCase();
}
