import type { UserId } from '../protocol/event.ts';
import { isUserId, serverNameOf } from '../protocol/identifiers.ts';
import { isJsonObject } from '../protocol/json.ts';
import {
  actionPowerLevel,
  type PowerLevels,
  powerLevelField,
  powerLevelsOf,
  statedTable,
  userPowerLevel,
} from '../protocol/power-levels.ts';
import { joinedAmong, membershipOf, serverIsJoined, someoneJoined } from '../storage/memberships.ts';
import type { OpenRoom } from './open-room.ts';
import type { RoomParts } from './room-parts.ts';

/** What the conditions of a restricted room say to a user who wants to join. */
export type RestrictedJoin =
  /** `authorisedBy`: who of this server lets them in; undefined where the join rules need nobody for it. */
  | { readonly allowed: true; readonly authorisedBy: UserId | undefined }
  | {
      readonly allowed: false;
      /**
       * `no member`: they are in none of the rooms whose members may join. `unknown rooms`: they are in none that we know, but
       * there are others. `no inviter`: they may, but nobody of this server can let them in.
       */
      readonly because: 'no member' | 'unknown rooms' | 'no inviter';
    };

const MAX_CONDITIONS = 100;

/**
 * Whether a user may join a room by the rooms that they are in, as far as this server can tell (Client-Server API, "Restricted
 * rooms"; Server-Server API, "Restricted rooms"). Of a room with other join rules, and of a user who is invited or joined, it
 * says that nobody is needed: the auth rules decide there.
 */
export async function judgeRestrictedJoin(parts: RoomParts, open: OpenRoom, userId: UserId): Promise<RestrictedJoin> {
  const free = { allowed: true, authorisedBy: undefined } as const;
  const rules = (await open.stateEvent('m.room.join_rules', ''))?.pdu.content;
  const rule = rules?.join_rule;
  if (!open.version.restrictedJoins || (rule !== 'restricted' && rule !== 'knock_restricted')) return free;
  const current = (await open.stateEvent('m.room.member', userId))?.pdu.content.membership;
  if (current === 'invite' || current === 'join') return free;

  let areAllKnown = true;
  for (const condition of Array.isArray(rules?.allow) ? rules.allow.slice(0, MAX_CONDITIONS) : []) {
    if (!isJsonObject(condition) || condition.type !== 'm.room_membership') continue;
    const other = typeof condition.room_id === 'string' ? await parts.rooms.byId(condition.room_id) : undefined;
    // Of a room that we have left we know only who was in it then.
    if (other === undefined || !(await serverIsJoined(parts.db, other.nid, parts.serverName))) {
      areAllKnown = false;
    } else if ((await membershipOf(parts.db, other.nid, userId))?.membership === 'join') {
      const authorisedBy = await findInviter(parts, open);
      return authorisedBy === undefined ? { allowed: false, because: 'no inviter' } : { allowed: true, authorisedBy };
    }
  }
  return { allowed: false, because: areAllKnown ? 'no member' : 'unknown rooms' };
}

/** Somebody of this server who may invite: of those whom the power levels name, or anybody else if everybody may. */
async function findInviter(parts: RoomParts, open: OpenRoom): Promise<UserId | undefined> {
  const powers = await powersIn(open);
  if (powers === undefined) return undefined;
  const needed = actionPowerLevel(powers, 'invite');
  const named = [...powers.creators, ...statedTable(powers, 'users').keys()]
    .filter(isUserId)
    .filter((userId) => serverNameOf(userId) === parts.serverName);
  const able = named.filter((userId) => userPowerLevel(powers, userId) >= needed);
  const [inviter] = await joinedAmong(parts.db, open.room.nid, able);
  if (inviter !== undefined || powerLevelField(powers, 'users_default') < needed) return inviter;
  return await someoneJoined(parts.db, open.room.nid, parts.serverName, named);
}

/** Undefined for a room without a create event. */
async function powersIn(open: OpenRoom): Promise<PowerLevels | undefined> {
  const create = await open.stateEvent('m.room.create', '');
  if (create === undefined) return undefined;
  return powerLevelsOf(open.version, create.pdu, (await open.stateEvent('m.room.power_levels', ''))?.pdu);
}

/** Whether a user is in the room now and has the power to invite. */
export async function mayInvite(open: OpenRoom, userId: UserId): Promise<boolean> {
  const powers = await powersIn(open);
  const member = await open.stateEvent('m.room.member', userId);
  if (powers === undefined || member?.pdu.content.membership !== 'join') return false;
  return userPowerLevel(powers, userId) >= actionPowerLevel(powers, 'invite');
}
