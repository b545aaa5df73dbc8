import { invalidParam } from '../protocol/errors.ts';

/** Longest token in characters. Those of `/sync` are longer than our own. */
export const MAX_TOKEN_LENGTH = 1_024;

/** Before every event of any timeline. */
export const BEGINNING = -999_999_999_999_999;

/**
 * A place between two events of a room's timeline, as `from`, `to`, `start`, `end` and `prev_batch` carry it: after every
 * event at or below the position. Tokens of `/sync` count as well, where clients page on from `since`.
 */
export function timelineToken(position: number): string {
  return `t${position}`;
}

/** @throws MatrixError M_INVALID_PARAM */
export function parseTimelineToken(token: string): number {
  const match = /^(?:t(-?\d{1,15})|s(\d{1,15})_[\w.~]+)$/.exec(token);
  const digits = match?.[1] ?? match?.[2];
  if (digits === undefined) throw invalidParam('This pagination token is not one of ours.');
  return Number(digits);
}
