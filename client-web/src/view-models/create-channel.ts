import { createChannel, type NewChannel } from '../matrix/room-actions.ts';
import type { Session } from '../matrix/session.ts';
import { errcodeOf, type Problem } from './problem.ts';
import { type TaskState, TaskViewModel } from './task-view-model.ts';

export type { NewChannel };

export interface CreateChannelState extends TaskState {
  /** Another room has the address already. */
  aliasTaken: boolean;
}

export class CreateChannelViewModel extends TaskViewModel<CreateChannelState> {
  readonly serverName: string;
  readonly #session: Session;

  constructor(session: Session) {
    super({ pending: false, problem: undefined, aliasTaken: false });
    this.serverName = session.serverName;
    this.#session = session;
  }

  /** The new room's id if it worked. */
  async create(channel: NewChannel): Promise<string | undefined> {
    this.set({ aliasTaken: false });
    return this.attempt(() => createChannel(this.#session, channel));
  }

  protected override describe(error: unknown): Problem | undefined {
    if (errcodeOf(error) !== 'M_ROOM_IN_USE') return super.describe(error);
    this.set({ aliasTaken: true });
    return undefined;
  }
}

/** An address made from a name: lower case, no spaces, none of the characters that links trip over. */
export function suggestAlias(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .toLowerCase()
    .replace(/[^\p{Letter}\p{Number}._=-]+/gu, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 80);
}
