import { type Device, deleteDevices, fetchDevices, renameDevice } from '../matrix/account.ts';
import type { Session } from '../matrix/session.ts';
import { errcodeOf, type Problem } from './problem.ts';
import { type TaskState, TaskViewModel } from './task-view-model.ts';

export type { Device };

export interface DevicesState extends TaskState {
  /** Undefined until the server has answered. */
  devices: readonly Device[] | undefined;
  wrongPassword: boolean;
}

/** The logins of the account. */
export class DevicesViewModel extends TaskViewModel<DevicesState> {
  readonly #session: Session;

  constructor(session: Session) {
    super({ devices: undefined, wrongPassword: false, pending: false, problem: undefined });
    this.#session = session;
    void this.load();
  }

  async load(): Promise<void> {
    await this.attempt(async () => this.set({ devices: await fetchDevices(this.#session) }));
  }

  async rename(deviceId: string, name: string): Promise<boolean> {
    return (
      (await this.attempt(async () => {
        await renameDevice(this.#session, deviceId, name);
        this.set({ devices: await fetchDevices(this.#session) });
        return true;
      })) === true
    );
  }

  /** Signs the device out. The password proves that it is us. */
  async remove(deviceIds: readonly string[], password: string): Promise<boolean> {
    this.set({ wrongPassword: false });
    return (
      (await this.attempt(async () => {
        await deleteDevices(this.#session, deviceIds, password);
        this.set({ devices: this.getState().devices?.filter((device) => !deviceIds.includes(device.deviceId)) });
        return true;
      })) === true
    );
  }

  protected override describe(error: unknown): Problem | undefined {
    if (errcodeOf(error) !== 'M_FORBIDDEN' && !isAuthFailure(error)) return super.describe(error);
    this.set({ wrongPassword: true });
    return undefined;
  }
}

/** A 401 after the password was sent: the server asks again because it was wrong. */
export function isAuthFailure(error: unknown): boolean {
  return (error as { httpStatus?: unknown } | undefined)?.httpStatus === 401;
}
