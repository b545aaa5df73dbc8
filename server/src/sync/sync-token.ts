import { invalidParam } from '../protocol/errors.ts';

/** Where a client's picture stands: position in the log, and the typing and presence that it has seen. */
export interface SyncToken {
  readonly position: number;
  /** These two mean something only to the process that made them. */
  readonly typing: string;
  readonly presence: string;
}

export function formatSyncToken(token: SyncToken): string {
  return `s${token.position}_${token.typing}_${token.presence}`;
}

/** @throws MatrixError M_INVALID_PARAM */
export function parseSyncToken(text: string): SyncToken {
  const match = /^s(\d{1,15})_([0-9a-f]{8}\.\d{1,15})_([0-9a-f]{8}\.\d{1,15})$/.exec(text);
  if (match === null) throw invalidParam('since is not a token of this server.');
  return { position: Number(match[1]), typing: match[2] ?? '', presence: match[3] ?? '' };
}
