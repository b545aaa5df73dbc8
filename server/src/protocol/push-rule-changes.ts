/**
 * Changes that users make to their push rules (Client-Server API, "Push Rules: API"), as functions from what was stored to what
 * is to be stored. They throw the `MatrixError` that the client is to see.
 */

import { invalidParam, MatrixError, missingParam, notFound } from './errors.ts';
import type { UserId } from './event.ts';
import { isRoomId, isUserId } from './identifiers.ts';
import { isJsonObject } from './json.ts';
import {
  findPushRule,
  type PushRule,
  type PushRuleKind,
  pushRuleset,
  readPushActions,
  readPushConditions,
  type StoredPushRules,
} from './push-rules.ts';

export const MAX_PUSH_RULES = 10_000;
export const MAX_PUSH_RULE_BYTES = 1024;
export const MAX_PUSH_RULE_ID_LENGTH = 300;

/** Where a rule goes among the user's rules of its kind. `before` counts if both are given. */
export interface PushRulePosition {
  /** Id of the rule that the new one is to be next more important than. */
  readonly before?: string | undefined;
  /** Id of the rule that the new one is to be next less important than. */
  readonly after?: string | undefined;
}

/**
 * `PUT /pushrules/global/{kind}/{ruleId}`: adds a rule, enabled and the most important of its kind unless a position is given,
 * or changes the one that has this id. `body` is the request's.
 */
export function putPushRule(
  stored: StoredPushRules,
  kind: PushRuleKind,
  ruleId: string,
  body: unknown,
  position: PushRulePosition = {},
): StoredPushRules {
  checkRuleId(kind, ruleId);
  const before = stored.user[kind];
  const existing = before.find((rule) => rule.rule_id === ruleId);
  const rule = readRule(kind, ruleId, body, existing?.enabled ?? true);
  if (existing === undefined && countOf(stored) >= MAX_PUSH_RULES) {
    throw invalidParam(`There can be no more than ${MAX_PUSH_RULES} push rules.`);
  }
  return withRules(stored, kind, placed(before, rule, position));
}

/** `DELETE /pushrules/global/{kind}/{ruleId}`. Default rules cannot be deleted. */
export function deletePushRule(stored: StoredPushRules, kind: PushRuleKind, ruleId: string): StoredPushRules {
  const rules = stored.user[kind].filter((rule) => rule.rule_id !== ruleId);
  if (rules.length === stored.user[kind].length) throw unknownRule();
  return withRules(stored, kind, rules);
}

/** `PUT /pushrules/global/{kind}/{ruleId}/enabled`, for the user's own rules and default rules. */
export function setPushRuleEnabled(
  userId: UserId,
  stored: StoredPushRules,
  kind: PushRuleKind,
  ruleId: string,
  enabled: boolean,
): StoredPushRules {
  return changeRule(userId, stored, kind, ruleId, { enabled });
}

/** `PUT /pushrules/global/{kind}/{ruleId}/actions`, for the user's own rules and default rules. `actions` is the request's. */
export function setPushRuleActions(
  userId: UserId,
  stored: StoredPushRules,
  kind: PushRuleKind,
  ruleId: string,
  actions: unknown,
): StoredPushRules {
  return changeRule(userId, stored, kind, ruleId, { actions: checkedActions(actions) });
}

function changeRule(
  userId: UserId,
  stored: StoredPushRules,
  kind: PushRuleKind,
  ruleId: string,
  change: Partial<Pick<PushRule, 'enabled' | 'actions'>>,
): StoredPushRules {
  const rule = findPushRule(pushRuleset(userId, stored), kind, ruleId);
  if (rule === undefined) throw unknownRule();
  if (rule.default) {
    const key = `${kind}/${ruleId}`;
    return { ...stored, defaults: { ...stored.defaults, [key]: { ...stored.defaults[key], ...change } } };
  }
  const changed = checkedSize({ ...rule, ...change });
  return withRules(
    stored,
    kind,
    stored.user[kind].map((each) => (each.rule_id === ruleId ? changed : each)),
  );
}

function checkRuleId(kind: PushRuleKind, ruleId: string): void {
  if (ruleId === '' || ruleId.startsWith('.')) throw invalidParam('Rule ids that start with a dot are reserved.');
  if (/[/\\]/.test(ruleId)) throw invalidParam('A rule id must not contain a slash or a backslash.');
  if (ruleId.length > MAX_PUSH_RULE_ID_LENGTH) throw invalidParam('The rule id is too long.');
  if (kind === 'room' && !isRoomId(ruleId)) throw invalidParam('The id of a room rule must be a room id.');
  if (kind === 'sender' && !isUserId(ruleId)) throw invalidParam('The id of a sender rule must be a user id.');
}

function readRule(kind: PushRuleKind, ruleId: string, body: unknown, enabled: boolean): PushRule {
  const { actions, conditions = [], pattern } = isJsonObject(body) ? body : {};
  if (actions === undefined) throw missingParam('actions is missing.');
  const rule = { rule_id: ruleId, default: false, enabled, actions: checkedActions(actions) };
  switch (kind) {
    case 'override':
    case 'underride': {
      const checked = readPushConditions(conditions);
      if (checked === undefined) throw invalidParam('conditions is not a list of conditions.');
      return checkedSize({ ...rule, conditions: checked });
    }
    case 'content':
      if (typeof pattern !== 'string') throw missingParam('A content rule needs a pattern.');
      return checkedSize({ ...rule, pattern });
    case 'room':
    case 'sender':
      return checkedSize(rule);
  }
}

function checkedActions(value: unknown): PushRule['actions'] {
  const actions = readPushActions(value);
  if (actions === undefined) throw invalidParam('actions is not a list of actions.');
  return actions;
}

function checkedSize(rule: PushRule): PushRule {
  if (Buffer.byteLength(JSON.stringify(rule)) > MAX_PUSH_RULE_BYTES) throw invalidParam('The push rule is too large.');
  return rule;
}

/** The list with the rule at its new place, or at its old one if no place is asked for. */
function placed(rules: readonly PushRule[], rule: PushRule, { before, after }: PushRulePosition): readonly PushRule[] {
  const reference = before ?? after;
  if (reference === undefined) {
    const isNew = rules.every((each) => each.rule_id !== rule.rule_id);
    return isNew ? [rule, ...rules] : rules.map((each) => (each.rule_id === rule.rule_id ? rule : each));
  }
  const others = rules.filter((each) => each.rule_id !== rule.rule_id);
  const index = others.findIndex((each) => each.rule_id === reference);
  if (index < 0) throw new MatrixError('M_UNKNOWN', `before/after rule not found: ${reference}`, 400);
  return others.toSpliced(before === undefined ? index + 1 : index, 0, rule);
}

function withRules(stored: StoredPushRules, kind: PushRuleKind, rules: readonly PushRule[]): StoredPushRules {
  return { ...stored, user: { ...stored.user, [kind]: rules } };
}

function countOf(stored: StoredPushRules): number {
  return Object.values(stored.user).reduce((count, rules) => count + rules.length, 0);
}

function unknownRule(): MatrixError {
  return notFound('The push rule was not found.');
}
