import { invalidParam } from '../protocol/errors.ts';

/** Where a client's picture stands: position in the log, and the typing and presence that it has seen. */
export interface SyncToken {
  readonly position: number;
  /** Digest of who is typing, by room; rooms in which nobody is are left out. */
  readonly typing: ReadonlyMap<number, string>;
  /** A token of `users/presence.ts`. */
  readonly presence: string;
}

export function formatSyncToken({ position, typing, presence }: SyncToken): string {
  return `s${position}_${[...typing].map(([roomNid, digest]) => `${roomNid}.${digest}`).join('~')}_${presence}`;
}

const TOKEN = /^s(\d{1,15})_((?:\d{1,15}\.[0-9a-f]{8}~?)*)_([0-9a-f]{8}(?:\.\d{1,15}){2})$/;

/** @throws MatrixError M_INVALID_PARAM */
export function parseSyncToken(text: string): SyncToken {
  const match = TOKEN.exec(text);
  if (match === null) throw invalidParam('since is not a token of this server.');
  const typing = (match[2] ?? '').split('~').flatMap((room): [number, string][] => {
    const [roomNid, digest] = room.split('.');
    return digest === undefined ? [] : [[Number(roomNid), digest]];
  });
  return { position: Number(match[1]), typing: new Map(typing), presence: match[3] ?? '' };
}
