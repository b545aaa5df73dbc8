/** Rule 5 of the authorisation rules: `m.room.member`. Numbers before checks are those of room version 12. */

import {
  type Authorization,
  allowed,
  type Case,
  contentOf,
  hasOwn,
  membershipOf,
  ownValue,
  powerLevelsIn,
  refused,
} from './authorization.ts';
import { prevEventIds } from './event.ts';
import { isUserId, serverNameOf } from './identifiers.ts';
import type { JsonValue } from './json.ts';
import { actionPowerLevel, userPowerLevel } from './power-levels.ts';
import type { JoinRule } from './room-versions.ts';
import { isSignedByKeyOf } from './third-party-invite-signature.ts';

/** An event of which rule 5.1 holds: `target` is its state key. */
interface MemberCase extends Case {
  readonly target: string;
  readonly targetMembership: JsonValue | undefined;
  readonly senderMembership: JsonValue | undefined;
}

export function memberRule(judged: Case): Authorization {
  const { pdu, version, rules, state } = judged;
  const target = pdu.state_key;
  const membership = contentOf(pdu, 'membership');
  // 5.1 There are a state key and a membership.
  if (target === undefined || membership === undefined) {
    return refused(`${rules.member}.1`, 'A membership event names a user and a membership.');
  }
  // 5.2 Whoever authorised the join of somebody else's user has signed.
  const signed = authoriserSignatureRule(judged);
  if (!signed.allowed) return signed;
  const member: MemberCase = {
    ...judged,
    target,
    targetMembership: membershipOf(state, target),
    senderMembership: membershipOf(state, pdu.sender),
  };
  if (membership === 'join') return joinRule(member);
  if (membership === 'invite') return inviteRule(member);
  if (membership === 'leave') return leaveRule(member);
  if (membership === 'ban') return banRule(member);
  if (membership === 'knock' && version.knocking) return knockRule(member);
  // 5.8 Otherwise, the membership is unknown.
  return refused(rules.otherMembership, 'The membership is unknown.');
}

/** 5.2 An event that names an authoriser, whatever its membership, is signed by that user's server. */
function authoriserSignatureRule({ pdu, version, rules, signers }: Case): Authorization {
  const authoriser = contentOf(pdu, 'join_authorised_via_users_server');
  if (!version.restrictedJoins || signers === undefined || authoriser === undefined) return allowed;
  // 5.2.1 Not validly signed by that server: reject.
  if (isUserId(authoriser) && signers.has(serverNameOf(authoriser))) return allowed;
  return refused(rules.joinAuthorisedSignature, 'The authorising server has not signed the event.');
}

/** 5.3 Join. */
function joinRule(judged: MemberCase): Authorization {
  const { pdu, version, rules, create, target, targetMembership, senderMembership } = judged;
  // 5.3.1 The creator's first join: the create event is its only previous event.
  const creator = version.creators === 'content.creator' ? contentOf(create.pdu, 'creator') : create.pdu.sender;
  const [previous, ...others] = prevEventIds(pdu);
  if (previous === create.eventId && others.length === 0 && target === creator) return allowed;
  // 5.3.2 Nobody joins somebody else.
  if (pdu.sender !== target) return refused(`${rules.join}.2`, 'Users join by themselves.');
  // 5.3.3 The sender is banned.
  if (senderMembership === 'ban') return refused(`${rules.join}.3`, 'The sender is banned.');

  const rule = currentJoinRule(judged);
  const invitedOrJoined = targetMembership === 'invite' || targetMembership === 'join';
  // 5.3.4 By invitation, which may answer a knock.
  if ((rule === 'invite' || rule === 'knock') && invitedOrJoined) return allowed;
  // 5.3.5 Restricted.
  if (rule === 'restricted' || rule === 'knock_restricted') {
    // 5.3.5.1 An invitation is enough.
    if (invitedOrJoined) return allowed;
    // 5.3.5.2 Otherwise a member who may invite must have authorised the join.
    return isAuthorisedByInviter(judged)
      ? allowed
      : refused(`${rules.restrictedJoin}.2`, 'No member who may invite has authorised the join.');
  }
  // 5.3.6 Public.
  if (rule === 'public') return allowed;
  // 5.3.7 Otherwise, reject.
  return refused(rules.otherJoinRule, 'The room is open by invitation only.');
}

/**
 * The join rule, if the room version knows it. A room without `m.room.join_rules` is open by invitation: the rules do not say,
 * and other servers agree on this.
 */
function currentJoinRule({ version, state }: Case): JoinRule | undefined {
  const event = state.event('m.room.join_rules', '');
  const rule = (event && contentOf(event.pdu, 'join_rule')) ?? 'invite';
  return version.joinRules.find((known) => known === rule);
}

function isAuthorisedByInviter(judged: MemberCase): boolean {
  const authoriser = contentOf(judged.pdu, 'join_authorised_via_users_server');
  if (typeof authoriser !== 'string' || membershipOf(judged.state, authoriser) !== 'join') return false;
  const levels = powerLevelsIn(judged);
  return userPowerLevel(levels, authoriser) >= actionPowerLevel(levels, 'invite');
}

/** 5.4 Invite. */
function inviteRule(judged: MemberCase): Authorization {
  const { pdu, rules, targetMembership, senderMembership } = judged;
  // 5.4.1 An invitation that began as one of a third-party identifier.
  if (hasOwn(pdu.content, 'third_party_invite')) return thirdPartyInviteRule(judged);
  // 5.4.2 The sender is in the room.
  if (senderMembership !== 'join') return refused(`${rules.invite}.2`, 'The sender is not in the room.');
  // 5.4.3 The target is neither in the room nor banned.
  if (targetMembership === 'join' || targetMembership === 'ban') {
    return refused(`${rules.invite}.3`, 'The user is in the room or banned.');
  }
  // 5.4.4 The sender has the invite level.
  const levels = powerLevelsIn(judged);
  if (userPowerLevel(levels, pdu.sender) >= actionPowerLevel(levels, 'invite')) return allowed;
  // 5.4.5 Otherwise, reject.
  return refused(`${rules.invite}.5`, 'The sender may not invite.');
}

/** 5.4.1 Invite with `third_party_invite`. */
function thirdPartyInviteRule({ pdu, rules, state, target, targetMembership }: MemberCase): Authorization {
  const rule = `${rules.invite}.1`;
  // 5.4.1.1 The target is not banned.
  if (targetMembership === 'ban') return refused(`${rule}.1`, 'The user is banned.');
  // 5.4.1.2 There is a signed part,
  const signed = ownValue(contentOf(pdu, 'third_party_invite'), 'signed');
  if (signed === undefined) return refused(`${rule}.2`, 'The third-party invite is not signed.');
  // 5.4.1.3 which has a user id and a token;
  const mxid = ownValue(signed, 'mxid');
  const token = ownValue(signed, 'token');
  if (mxid === undefined || token === undefined) {
    return refused(`${rule}.3`, 'The signed part names no user or no token.');
  }
  // 5.4.1.4 the user is the target,
  if (mxid !== target) return refused(`${rule}.4`, 'The third-party invite is for another user.');
  // 5.4.1.5 the token is of a third-party invite to this room,
  const invite = typeof token === 'string' ? state.event('m.room.third_party_invite', token) : undefined;
  if (invite === undefined) return refused(`${rule}.5`, 'The room has no such third-party invite.');
  // 5.4.1.6 which the same user sent.
  if (invite.pdu.sender !== pdu.sender) return refused(`${rule}.6`, 'Somebody else sent the third-party invite.');
  // 5.4.1.7 One of its public keys made one of the signatures.
  if (isSignedByKeyOf(signed, invite.pdu.content)) return allowed;
  // 5.4.1.8 Otherwise, reject.
  return refused(`${rule}.8`, 'No key of the third-party invite made the signature.');
}

/** 5.5 Leave: own departure, kick, revoked invitation or unban. */
function leaveRule(judged: MemberCase): Authorization {
  const { pdu, version, rules, target, targetMembership, senderMembership } = judged;
  // 5.5.1 Who is in the room, invited or knocking may leave.
  if (pdu.sender === target) {
    const mayLeave =
      senderMembership === 'invite' ||
      senderMembership === 'join' ||
      (senderMembership === 'knock' && version.knocking);
    return mayLeave ? allowed : refused(`${rules.leave}.1`, 'The sender is not in the room.');
  }
  // 5.5.2 The sender is in the room.
  if (senderMembership !== 'join') return refused(`${rules.leave}.2`, 'The sender is not in the room.');
  // 5.5.3 An unban takes the ban level.
  const levels = powerLevelsIn(judged);
  const senderLevel = userPowerLevel(levels, pdu.sender);
  if (targetMembership === 'ban' && senderLevel < actionPowerLevel(levels, 'ban')) {
    return refused(`${rules.leave}.3`, 'The sender may not lift bans.');
  }
  // 5.5.4 The sender has the kick level, and more power than the target.
  if (senderLevel >= actionPowerLevel(levels, 'kick') && userPowerLevel(levels, target) < senderLevel) return allowed;
  // 5.5.5 Otherwise, reject.
  return refused(`${rules.leave}.5`, 'The sender may not remove this user.');
}

/** 5.6 Ban. */
function banRule(judged: MemberCase): Authorization {
  const { pdu, rules, target, senderMembership } = judged;
  // 5.6.1 The sender is in the room.
  if (senderMembership !== 'join') return refused(`${rules.ban}.1`, 'The sender is not in the room.');
  // 5.6.2 The sender has the ban level, and more power than the target.
  const levels = powerLevelsIn(judged);
  const senderLevel = userPowerLevel(levels, pdu.sender);
  if (senderLevel >= actionPowerLevel(levels, 'ban') && userPowerLevel(levels, target) < senderLevel) return allowed;
  // 5.6.3 Otherwise, reject.
  return refused(`${rules.ban}.3`, 'The sender may not ban this user.');
}

/** 5.7 Knock. */
function knockRule(judged: MemberCase): Authorization {
  const { pdu, rules, target, senderMembership } = judged;
  // 5.7.1 The room lets users knock.
  const rule = currentJoinRule(judged);
  if (rule !== 'knock' && rule !== 'knock_restricted') return refused(`${rules.knock}.1`, 'Nobody may knock.');
  // 5.7.2 Nobody knocks for somebody else.
  if (pdu.sender !== target) return refused(`${rules.knock}.2`, 'Users knock by themselves.');
  // 5.7.3 The sender is not banned, invited or in the room.
  if (senderMembership !== 'ban' && senderMembership !== 'invite' && senderMembership !== 'join') return allowed;
  // 5.7.4 Otherwise, reject.
  return refused(`${rules.knock}.4`, 'The sender is banned, invited or in the room.');
}
