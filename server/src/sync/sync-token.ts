import { invalidParam } from '../protocol/errors.ts';

/** Where a client's picture stands: positions in the log, and the typing and presence that it has seen. */
export interface SyncToken {
  readonly position: number;
  /** Up to here it has the messages to its device: the same, unless there were more of them than go into one answer. */
  readonly toDevice: number;
  /** Digest of who is typing, by room; rooms in which nobody is are left out. */
  readonly typing: ReadonlyMap<number, string>;
  /** A token of `users/presence.ts`. */
  readonly presence: string;
}

export function formatSyncToken({ position, toDevice, typing, presence }: SyncToken): string {
  const positions = toDevice === position ? position : `${position}.${toDevice}`;
  return `s${positions}_${[...typing].map(([roomNid, digest]) => `${roomNid}.${digest}`).join('~')}_${presence}`;
}

const TOKEN = /^s(\d{1,15})(?:\.(\d{1,15}))?_((?:\d{1,15}\.[0-9a-f]{8}~?)*)_([0-9a-f]{8}(?:\.\d{1,15}){2})$/;

/** @throws MatrixError M_INVALID_PARAM */
export function parseSyncToken(text: string): SyncToken {
  const match = TOKEN.exec(text);
  if (match === null) throw invalidParam('since is not a token of this server.');
  const typing = (match[3] ?? '').split('~').flatMap((room): [number, string][] => {
    const [roomNid, digest] = room.split('.');
    return digest === undefined ? [] : [[Number(roomNid), digest]];
  });
  const position = Number(match[1]);
  return {
    position,
    toDevice: Math.min(position, Number(match[2] ?? position)),
    typing: new Map(typing),
    presence: match[4] ?? '',
  };
}
