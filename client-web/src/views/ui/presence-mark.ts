import type { PresenceState } from '../../view-models/members.ts';
import type { PresenceMark } from './Avatar.tsx';

/** The spec's presence in our words; offline people get no mark, which keeps lists calm. */
export function toPresenceMark(presence: PresenceState | undefined): PresenceMark | undefined {
  if (presence === 'online') return 'online';
  return presence === 'unavailable' ? 'away' : undefined;
}
