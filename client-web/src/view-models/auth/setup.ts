import { createAdministrator, isSetupOpen } from '../../platform/auth-api.ts';
import type { Credentials } from '../../platform/credentials.ts';
import { errcodeOf, type Problem, toProblem } from '../problem.ts';
import { ViewModel } from '../view-model.ts';
import { setFirstName } from './sign-up.ts';

export interface SetupState {
  /** Undefined until the server has answered. False once there is an administrator. */
  open: boolean | undefined;
  pending: boolean;
  /** The link is not the one that this start of the server printed. */
  wrongToken: boolean;
  invalidUsername: boolean;
  weakPassword: string | undefined;
  problem: Problem | undefined;
}

export interface SetupOptions {
  baseUrl: string;
  token: string;
  deviceName: string;
  onSignedIn: (credentials: Credentials) => Promise<void>;
}

/** Creating the first administrator with the link that the server printed when it started. */
export class SetupViewModel extends ViewModel<SetupState> {
  readonly #options: SetupOptions;

  constructor(options: SetupOptions) {
    super({
      open: undefined,
      pending: false,
      wrongToken: options.token === '',
      invalidUsername: false,
      weakPassword: undefined,
      problem: undefined,
    });
    this.#options = options;
    void this.load();
  }

  async load(): Promise<void> {
    this.set({ problem: undefined });
    try {
      this.set({ open: await isSetupOpen(this.#options.baseUrl) });
    } catch (error) {
      if (errcodeOf(error) === 'M_UNRECOGNIZED' || errcodeOf(error) === 'M_NOT_FOUND') this.set({ open: false });
      else this.set({ problem: toProblem(error) });
    }
  }

  async create(account: { username: string; password: string; displayName: string }): Promise<void> {
    if (this.getState().pending) return;
    this.set({ pending: true, wrongToken: false, invalidUsername: false, weakPassword: undefined, problem: undefined });
    const { baseUrl, token, deviceName, onSignedIn } = this.#options;
    try {
      const { username, password, displayName } = account;
      const credentials = await createAdministrator(baseUrl, { token, username, password, deviceName });
      if (displayName) await setFirstName(credentials, displayName);
      await onSignedIn(credentials);
    } catch (error) {
      const errcode = errcodeOf(error);
      if (errcode === 'M_FORBIDDEN' || errcode === 'M_UNAUTHORIZED') this.set({ wrongToken: true });
      else if (errcode === 'M_INVALID_USERNAME') this.set({ invalidUsername: true });
      else if (errcode === 'M_WEAK_PASSWORD') this.set({ weakPassword: error instanceof Error ? error.message : '' });
      else this.set({ problem: toProblem(error) });
    } finally {
      this.set({ pending: false });
    }
  }
}
