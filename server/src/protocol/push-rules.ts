/**
 * Push rules (Client-Server API, "Push Rules"): their shapes on the wire, and a user's own rules put together with those that
 * every user has. `push-rule-changes.ts` changes them, `push-rule-evaluation.ts` applies them.
 */

import { defaultPushRules } from './default-push-rules.ts';
import type { UserId } from './event.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';

/** The kinds of rules, in the order in which they are tried. */
export const PUSH_RULE_KINDS = ['override', 'content', 'room', 'sender', 'underride'] as const;
export type PushRuleKind = (typeof PUSH_RULE_KINDS)[number];

export type PushAction = 'notify' | { set_tweak: string; value?: JsonValue };

/** A condition as it was set: only `kind` is sure to be of its type. Unknown kinds are kept, and match nothing. */
export interface PushCondition extends JsonObject {
  kind: string;
}

export interface PushRule {
  readonly rule_id: string;
  /** Whether it is one of the rules that every user has. */
  readonly default: boolean;
  readonly enabled: boolean;
  readonly actions: readonly PushAction[];
  /** Of `override` and `underride` rules. */
  readonly conditions?: readonly PushCondition[];
  /** Of `content` rules: a glob. */
  readonly pattern?: string;
}

/** Rules by kind, the most important first. */
export type PushRuleset = Readonly<Record<PushRuleKind, readonly PushRule[]>>;

/** What a user has changed about a default rule. */
export interface DefaultRuleChange {
  readonly enabled?: boolean;
  readonly actions?: readonly PushAction[];
}

/** What is stored for a user: no default rule itself, so that these can change with a release. */
export interface StoredPushRules {
  readonly user: PushRuleset;
  /** By kind and rule id, joined by a slash, such as `underride/.m.rule.message`. */
  readonly defaults: Readonly<Record<string, DefaultRuleChange>>;
}

const NO_RULES: PushRuleset = { override: [], content: [], room: [], sender: [], underride: [] };

/** The stored rules of a user who has changed nothing. */
export function emptyPushRules(): StoredPushRules {
  return { user: NO_RULES, defaults: {} };
}

/** Reads what was stored, leaving out whatever is not of the right form. */
export function readStoredPushRules(value: unknown): StoredPushRules {
  const { user, defaults } = isJsonObject(value) ? value : {};
  const lists = isJsonObject(user) ? user : {};
  const rules = (kind: PushRuleKind) => (Array.isArray(lists[kind]) ? lists[kind].filter(isUserRule) : []);
  return {
    user: {
      override: rules('override'),
      content: rules('content'),
      room: rules('room'),
      sender: rules('sender'),
      underride: rules('underride'),
    },
    defaults: Object.fromEntries(Object.entries(isJsonObject(defaults) ? defaults : {}).filter(isDefaultRuleChange)),
  };
}

/** All rules of a user, as `GET /pushrules` and `m.push_rules` show them. */
export function pushRuleset(userId: UserId, stored: StoredPushRules): PushRuleset {
  const defaults = defaultPushRules(userId);
  const ruleset = { ...NO_RULES };
  for (const kind of PUSH_RULE_KINDS) {
    const [first, ...others] = defaults[kind].map((rule) => changed(rule, stored.defaults[`${kind}/${rule.rule_id}`]));
    // The rule that silences everything goes before the user's own; all other defaults come after them.
    const isMaster = first?.rule_id === '.m.rule.master';
    ruleset[kind] = isMaster
      ? [first, ...stored.user[kind], ...others]
      : [...stored.user[kind], ...(first ? [first] : []), ...others];
  }
  return ruleset;
}

export function isPushRuleKind(value: string): value is PushRuleKind {
  return (PUSH_RULE_KINDS as readonly string[]).includes(value);
}

export function findPushRule(ruleset: PushRuleset, kind: PushRuleKind, ruleId: string): PushRule | undefined {
  return ruleset[kind].find((rule) => rule.rule_id === ruleId);
}

/** The actions in a list from a client that mean something; `undefined` when it is no list of actions. */
export function readPushActions(value: unknown): PushAction[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const actions: PushAction[] = [];
  for (const action of value) {
    if (action === 'notify') actions.push(action);
    else if (isTweak(action)) {
      actions.push({ set_tweak: action.set_tweak, ...(action.value === undefined ? {} : { value: action.value }) });
      // Older versions of the specification had these two, which are to be ignored.
    } else if (action !== 'dont_notify' && action !== 'coalesce') return undefined;
  }
  return actions;
}

/** The conditions in a list from a client; `undefined` when it is no list of conditions. */
export function readPushConditions(value: unknown): PushCondition[] | undefined {
  return Array.isArray(value) && value.every(isCondition) ? value : undefined;
}

function changed(rule: PushRule, change: DefaultRuleChange | undefined): PushRule {
  return { ...rule, enabled: change?.enabled ?? rule.enabled, actions: change?.actions ?? rule.actions };
}

function isTweak(action: unknown): action is { set_tweak: string; value?: JsonValue } {
  return isJsonObject(action) && typeof action.set_tweak === 'string';
}

function isCondition(condition: unknown): condition is PushCondition {
  return isJsonObject(condition) && typeof condition.kind === 'string';
}

function isUserRule(rule: unknown): rule is JsonValue & PushRule {
  return (
    isJsonObject(rule) &&
    typeof rule.rule_id === 'string' &&
    rule.default === false &&
    typeof rule.enabled === 'boolean' &&
    readPushActions(rule.actions) !== undefined &&
    (rule.conditions === undefined || readPushConditions(rule.conditions) !== undefined) &&
    (rule.pattern === undefined || typeof rule.pattern === 'string')
  );
}

function isDefaultRuleChange(entry: [string, unknown]): entry is [string, JsonValue & DefaultRuleChange] {
  const [, change] = entry;
  return (
    isJsonObject(change) &&
    (change.enabled === undefined || typeof change.enabled === 'boolean') &&
    (change.actions === undefined || readPushActions(change.actions) !== undefined)
  );
}
