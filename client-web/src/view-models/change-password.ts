import { changePassword } from '../matrix/account.ts';
import type { Session } from '../matrix/session.ts';
import { isAuthFailure } from './devices.ts';
import { errcodeOf, type Problem } from './problem.ts';
import { type TaskState, TaskViewModel } from './task-view-model.ts';

export interface ChangePasswordState extends TaskState {
  wrongPassword: boolean;
  /** The server's words on a new password that it does not accept. */
  weakPassword: string | undefined;
}

export class ChangePasswordViewModel extends TaskViewModel<ChangePasswordState> {
  readonly #session: Session;

  constructor(session: Session) {
    super({ pending: false, problem: undefined, wrongPassword: false, weakPassword: undefined });
    this.#session = session;
  }

  async change(request: { current: string; next: string; signOutOthers: boolean }): Promise<boolean> {
    this.set({ wrongPassword: false, weakPassword: undefined });
    return (
      (await this.attempt(async () => {
        await changePassword(this.#session, request);
        return true;
      })) === true
    );
  }

  protected override describe(error: unknown): Problem | undefined {
    const errcode = errcodeOf(error);
    if (errcode === 'M_WEAK_PASSWORD') this.set({ weakPassword: super.describe(error)?.detail ?? '' });
    else if (errcode === 'M_FORBIDDEN' || isAuthFailure(error)) this.set({ wrongPassword: true });
    else return super.describe(error);
    return undefined;
  }
}
