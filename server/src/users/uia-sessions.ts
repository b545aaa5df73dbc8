import { createHash, createHmac } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import type { UserId } from '../protocol/event.ts';
import type { Database } from '../storage/database.ts';
import { deleteUiaSession, findUiaSession, insertUiaSession, updateUiaSession } from '../storage/uia-sessions.ts';
import { hashToken, newToken, tokenHash } from './tokens.ts';

/** A whole dialogue may take this long. */
const LIFETIME_MS = 30 * 60 * 1000;
/** A proof older than this does not count any more. */
const PROOF_LIFETIME_MS = 5 * 60 * 1000;

/** What user-interactive authentication has shown so far. */
export interface UiaProgress {
  /** Stages in the order of their completion. */
  readonly completed: readonly string[];
  /** Whose password was given. */
  readonly userId: UserId | null;
  readonly registrationTokenId: number | null;
}

export const NO_PROGRESS: UiaProgress = { completed: [], userId: null, registrationTokenId: null };

/**
 * Dialogues of user-interactive authentication, in the database so that any process can go on with one. Neither the session
 * id nor anything that was entered is stored (A7.3): the id by its hash, the operation as a keyed hash with the id as key.
 */
export interface UiaSessions {
  /** Opens a dialogue for one operation and answers its id. `operation` may hold secrets: it is only hashed. */
  open(operation: string): Promise<string>;
  /** Undefined when there is no such dialogue, it has expired, or it is about another operation. */
  find(id: string, operation: string): Promise<UiaProgress | undefined>;
  record(id: string, progress: UiaProgress): Promise<void>;
  close(id: string): Promise<void>;
}

export function createUiaSessions(db: Database, clock: Clock): UiaSessions {
  return {
    async open(operation) {
      const id = newToken('uia');
      const now = clock.now();
      const session = { idHash: hashToken(id), operation: bind(id, operation), expiresAt: now + LIFETIME_MS };
      await insertUiaSession(db, session, now);
      return id;
    },
    async find(id, operation) {
      const now = clock.now();
      const idHash = tokenHash('uia', id);
      const row = idHash && (await findUiaSession(db, idHash, now));
      if (row === undefined || !row.operation.equals(bind(id, operation))) return undefined;
      if (row.completedAt !== null && row.completedAt + PROOF_LIFETIME_MS < now) return NO_PROGRESS;
      return { completed: row.completed, userId: row.userId, registrationTokenId: row.registrationTokenId };
    },
    async record(id, progress) {
      await updateUiaSession(db, hashToken(id), { ...progress, completedAt: clock.now() });
    },
    close: async (id) => await deleteUiaSession(db, hashToken(id)),
  };
}

function bind(id: string, operation: string): Buffer {
  return createHmac('sha256', createHash('sha512').update(id).digest()).update(operation).digest();
}
