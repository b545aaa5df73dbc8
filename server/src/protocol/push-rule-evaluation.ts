/** Applies push rules to events (Client-Server API, "Push Rules", "Conditions"). */

import type { UserId } from './event.ts';
import { compileGlob, compileWordGlob, containsWords } from './glob.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';
import type { PushAction, PushCondition, PushRule, PushRuleset } from './push-rules.ts';

export interface PushDecision {
  readonly notify: boolean;
  /** Only ever true together with `notify`. */
  readonly highlight: boolean;
  readonly sound: string | undefined;
  /** The actions of the rule that matched, for the push gateway. */
  readonly actions: readonly PushAction[];
}

/** What conditions ask about the room. */
export interface PushContext {
  /** Joined members. */
  readonly memberCount: number;
  /** The user's display name in the room. */
  readonly displayName: string | undefined;
  /** Whether the event's sender has the power level for `notifications.<key>`. */
  senderMayNotify(key: string): boolean;
}

/** An event made ready for many evaluations: what rules read of it is looked up once for all users of the room. */
export interface PushEvent {
  readonly sender: string;
  readonly roomId: string;
  find(path: PropertyPath): Property;
}

interface Property {
  readonly value: JsonValue | undefined;
  /** The value in lower case, if it is a string. */
  readonly text: string | undefined;
}

/** A user's enabled rules, compiled. Keep one per user for as long as the rules stay the same. */
export interface CompiledPushRules {
  readonly userId: UserId;
  readonly override: readonly CompiledRule[];
  readonly content: readonly CompiledRule[];
  readonly room: ReadonlyMap<string, PushDecision>;
  readonly sender: ReadonlyMap<string, PushDecision>;
  readonly underride: readonly CompiledRule[];
}

interface CompiledRule {
  readonly conditions: readonly Test[];
  readonly decision: PushDecision;
}

type Test = (event: PushEvent, context: PushContext) => boolean;

interface PropertyPath {
  /** The path as it was written: a key for what is cached. */
  readonly source: string;
  readonly keys: readonly string[];
}

const NOTHING: PushDecision = { notify: false, highlight: false, sound: undefined, actions: [] };

/** Makes an event ready: the event as clients see it, with `room_id` and, for state, `state_key`. */
export function preparePushEvent(event: JsonObject & { sender: string; room_id: string }): PushEvent {
  const known = new Map<string, Property>();
  const find = (path: PropertyPath): Property => {
    let property = known.get(path.source);
    if (property === undefined) {
      const value = lookUp(event, path.keys);
      property = { value, text: typeof value === 'string' ? value.toLowerCase() : undefined };
      known.set(path.source, property);
    }
    return property;
  };
  return { sender: event.sender, roomId: event.room_id, find };
}

/** Compiles the rules that `pushRuleset` answers. */
export function compilePushRules(ruleset: PushRuleset, userId: UserId): CompiledPushRules {
  const conditional = (rules: readonly PushRule[]) =>
    rules
      .filter((rule) => rule.enabled)
      .map((rule) => ({ conditions: (rule.conditions ?? []).map(compile), decision: decide(rule.actions) }));
  const byId = (rules: readonly PushRule[]) =>
    new Map(rules.filter((rule) => rule.enabled).map((rule) => [rule.rule_id, decide(rule.actions)]));
  return {
    userId,
    override: conditional(ruleset.override),
    content: conditional(
      ruleset.content.map((rule) => ({
        ...rule,
        conditions: [{ kind: 'event_match', key: 'content.body', pattern: rule.pattern }],
      })),
    ),
    room: byId(ruleset.room),
    sender: byId(ruleset.sender),
    underride: conditional(ruleset.underride),
  };
}

/** What the first matching rule says: nothing to do if none matches, and for the user's own events. */
export function evaluatePushRules(rules: CompiledPushRules, event: PushEvent, context: PushContext): PushDecision {
  if (event.sender === rules.userId) return NOTHING;
  return (
    firstMatch(rules.override, event, context) ??
    firstMatch(rules.content, event, context) ??
    rules.room.get(event.roomId) ??
    rules.sender.get(event.sender) ??
    firstMatch(rules.underride, event, context) ??
    NOTHING
  );
}

function firstMatch(rules: readonly CompiledRule[], event: PushEvent, context: PushContext): PushDecision | undefined {
  for (const rule of rules) {
    if (holdAll(rule.conditions, event, context)) return rule.decision;
  }
  return undefined;
}

function holdAll(conditions: readonly Test[], event: PushEvent, context: PushContext): boolean {
  for (const holds of conditions) {
    if (!holds(event, context)) return false;
  }
  return true;
}

function decide(actions: readonly PushAction[]): PushDecision {
  const tweaks = new Map<string, JsonValue | undefined>();
  for (const action of actions) {
    if (typeof action === 'object') tweaks.set(action.set_tweak, action.value);
  }
  const notify = actions.includes('notify');
  const sound = tweaks.get('sound');
  return {
    notify,
    // A highlight tweak without value means true.
    highlight: notify && tweaks.has('highlight') && (tweaks.get('highlight') ?? true) === true,
    sound: typeof sound === 'string' ? sound : undefined,
    actions,
  };
}

const never: Test = () => false;
const BODY: PropertyPath = { source: 'content.body', keys: ['content', 'body'] };

function compile(condition: PushCondition): Test {
  switch (condition.kind) {
    case 'event_match':
      return compileEventMatch(condition);
    case 'event_property_is':
      return compileProperty(condition, (value, wanted) => value === wanted);
    case 'event_property_contains':
      return compileProperty(condition, (value, wanted) => Array.isArray(value) && value.includes(wanted));
    case 'contains_display_name':
      return containsDisplayName;
    case 'room_member_count':
      return compileMemberCount(condition);
    case 'sender_notification_permission': {
      const { key } = condition;
      return typeof key === 'string' ? (_event, context) => context.senderMayNotify(key) : never;
    }
    default:
      return never;
  }
}

function compileEventMatch({ key, pattern }: PushCondition): Test {
  if (typeof key !== 'string' || typeof pattern !== 'string') return never;
  const path = parsePath(key);
  const matches = path.source === BODY.source ? compileWordGlob(pattern) : compileGlob(pattern.toLowerCase());
  return (event) => {
    const { text } = event.find(path);
    return text !== undefined && matches(text);
  };
}

function compileProperty(
  { key, value: wanted }: PushCondition,
  matches: (value: JsonValue | undefined, wanted: JsonValue) => boolean,
): Test {
  if (typeof key !== 'string' || wanted === undefined || (typeof wanted === 'object' && wanted !== null)) return never;
  const path = parsePath(key);
  return (event) => matches(event.find(path).value, wanted);
}

function containsDisplayName(event: PushEvent, context: PushContext): boolean {
  const { text } = event.find(BODY);
  return Boolean(context.displayName && text && containsWords(text, context.displayName.toLowerCase()));
}

function compileMemberCount({ is }: PushCondition): Test {
  const parts = typeof is === 'string' ? /^(==|<=|>=|<|>)?(\d{1,15})$/.exec(is) : null;
  if (parts === null) return never;
  const count = Number(parts[2]);
  switch (parts[1]) {
    case '<':
      return (_event, { memberCount }) => memberCount < count;
    case '>':
      return (_event, { memberCount }) => memberCount > count;
    case '<=':
      return (_event, { memberCount }) => memberCount <= count;
    case '>=':
      return (_event, { memberCount }) => memberCount >= count;
    default:
      return (_event, { memberCount }) => memberCount === count;
  }
}

/** "Dot-separated property paths": `\.` and `\\` stand for a dot and a backslash within a key. */
function parsePath(source: string): PropertyPath {
  const keys: string[] = [];
  let key = '';
  for (let i = 0; i < source.length; i++) {
    const char = source.charAt(i);
    const next = source.charAt(i + 1);
    if (char === '\\' && (next === '.' || next === '\\')) {
      key += next;
      i++;
    } else if (char === '.') {
      keys.push(key);
      key = '';
    } else {
      key += char;
    }
  }
  return { source, keys: [...keys, key] };
}

function lookUp(event: JsonObject, keys: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = event;
  for (const key of keys) {
    if (!isJsonObject(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}
