/** Which state an event has to name as its `auth_events` (Server-Server API, "Auth events selection"). */

import { type Pdu, type StateKey, stateKey } from './event.ts';
import { isJsonObject } from './json.ts';
import type { RoomVersion } from './room-versions.ts';

/**
 * The keys of the room state whose events, as far as they exist, are the event's `auth_events`: no more than ten, without
 * repetition. None for `m.room.create`.
 */
export function authEventKeys(
  event: Pick<Pdu, 'type' | 'sender' | 'state_key' | 'content'>,
  version: RoomVersion,
): StateKey[] {
  if (event.type === 'm.room.create') return [];
  const keys = new Set<StateKey>();
  if (version.createInAuthEvents) keys.add(stateKey('m.room.create', ''));
  keys.add(stateKey('m.room.power_levels', ''));
  keys.add(stateKey('m.room.member', event.sender));
  if (event.type === 'm.room.member') {
    for (const key of membershipKeys(event.state_key, event.content, version)) keys.add(key);
  }
  return [...keys];
}

function* membershipKeys(
  target: string | undefined,
  content: Pdu['content'],
  version: RoomVersion,
): Iterable<StateKey> {
  const { membership, third_party_invite: thirdPartyInvite, join_authorised_via_users_server: authoriser } = content;
  if (target !== undefined) yield stateKey('m.room.member', target);
  if (membership === 'join' || membership === 'invite' || membership === 'knock')
    yield stateKey('m.room.join_rules', '');
  if (membership === 'invite' && isJsonObject(thirdPartyInvite)) {
    const { signed } = thirdPartyInvite;
    if (isJsonObject(signed) && typeof signed.token === 'string') {
      yield stateKey('m.room.third_party_invite', signed.token);
    }
  }
  if (membership === 'join' && version.restrictedJoins && typeof authoriser === 'string') {
    yield stateKey('m.room.member', authoriser);
  }
}
