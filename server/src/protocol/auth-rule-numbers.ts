/**
 * Number of each auth rule in the text of a room version ("Authorisation rules"), as far as versions number them differently.
 * Where a rule has parts, the parts are numbered alike in all versions. A rule that the version does not have is `undefined`
 * and is never asked for.
 */
export interface AuthRuleNumbers {
  readonly roomId: string | undefined;
  readonly authEvents: string;
  readonly federate: string;
  readonly aliases: string | undefined;
  readonly member: string;
  readonly joinAuthorisedSignature: string | undefined;
  readonly join: string;
  readonly restrictedJoin: string | undefined;
  readonly otherJoinRule: string;
  readonly invite: string;
  readonly leave: string;
  readonly ban: string;
  readonly knock: string | undefined;
  readonly otherMembership: string;
  readonly senderJoined: string;
  readonly thirdPartyInvite: string;
  readonly requiredLevel: string;
  readonly userStateKey: string;
  readonly powerLevelFieldTypes: string | undefined;
  readonly powerLevelTableTypes: string | undefined;
  readonly powerLevelUserTypes: string;
  readonly powerLevelCreators: string | undefined;
  readonly changedField: string;
  readonly changedEntry: string;
  readonly addedEntry: string;
  readonly changedUser: string;
  readonly addedUser: string;
  readonly redaction: string | undefined;
}

export const authRuleNumbers1: AuthRuleNumbers = {
  roomId: undefined,
  authEvents: '2',
  federate: '3',
  aliases: '4',
  member: '5',
  joinAuthorisedSignature: undefined,
  join: '5.2',
  restrictedJoin: undefined,
  otherJoinRule: '5.2.6',
  invite: '5.3',
  leave: '5.4',
  ban: '5.5',
  knock: undefined,
  otherMembership: '5.6',
  senderJoined: '6',
  thirdPartyInvite: '7',
  requiredLevel: '8',
  userStateKey: '9',
  powerLevelFieldTypes: undefined,
  powerLevelTableTypes: undefined,
  powerLevelUserTypes: '10.1',
  powerLevelCreators: undefined,
  changedField: '10.3',
  changedEntry: '10.4',
  addedEntry: '10.5',
  changedUser: '10.6',
  addedUser: '10.7',
  redaction: '11',
};

export const authRuleNumbers3: AuthRuleNumbers = { ...authRuleNumbers1, redaction: undefined };

export const authRuleNumbers6: AuthRuleNumbers = {
  ...authRuleNumbers3,
  aliases: undefined,
  member: '4',
  join: '4.2',
  otherJoinRule: '4.2.6',
  invite: '4.3',
  leave: '4.4',
  ban: '4.5',
  otherMembership: '4.6',
  senderJoined: '5',
  thirdPartyInvite: '6',
  requiredLevel: '7',
  userStateKey: '8',
  powerLevelUserTypes: '9.1',
  changedField: '9.3',
  changedEntry: '9.4',
  addedEntry: '9.5',
  changedUser: '9.6',
  addedUser: '9.7',
};

export const authRuleNumbers7: AuthRuleNumbers = { ...authRuleNumbers6, knock: '4.6', otherMembership: '4.7' };

export const authRuleNumbers8: AuthRuleNumbers = {
  ...authRuleNumbers7,
  joinAuthorisedSignature: '4.2.1',
  join: '4.3',
  restrictedJoin: '4.3.5',
  otherJoinRule: '4.3.7',
  invite: '4.4',
  leave: '4.5',
  ban: '4.6',
  knock: '4.7',
  otherMembership: '4.8',
};

export const authRuleNumbers10: AuthRuleNumbers = {
  ...authRuleNumbers8,
  powerLevelFieldTypes: '9.1',
  powerLevelTableTypes: '9.2',
  powerLevelUserTypes: '9.3',
  changedField: '9.5',
  changedEntry: '9.6',
  addedEntry: '9.7',
  changedUser: '9.8',
  addedUser: '9.9',
};

export const authRuleNumbers12: AuthRuleNumbers = {
  ...authRuleNumbers10,
  roomId: '2',
  authEvents: '3',
  federate: '4',
  member: '5',
  joinAuthorisedSignature: '5.2.1',
  join: '5.3',
  restrictedJoin: '5.3.5',
  otherJoinRule: '5.3.7',
  invite: '5.4',
  leave: '5.5',
  ban: '5.6',
  knock: '5.7',
  otherMembership: '5.8',
  senderJoined: '6',
  thirdPartyInvite: '7',
  requiredLevel: '8',
  userStateKey: '9',
  powerLevelFieldTypes: '10.1',
  powerLevelTableTypes: '10.2',
  powerLevelUserTypes: '10.3',
  powerLevelCreators: '10.4',
  changedField: '10.6',
  changedEntry: '10.7',
  addedEntry: '10.8',
  changedUser: '10.9',
  addedUser: '10.10',
};
