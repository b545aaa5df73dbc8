import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../server/src/protocol/json.ts';
import { parseJson } from '../../server/src/protocol/json-parser.ts';
import {
  compilePushRules,
  evaluatePushRules,
  type PushContext,
  preparePushEvent,
} from '../../server/src/protocol/push-rule-evaluation.ts';
import {
  emptyPushRules,
  type PushCondition,
  type PushRule,
  type PushRuleKind,
  pushRuleset,
  type StoredPushRules,
} from '../../server/src/protocol/push-rules.ts';

const alice = '@alice:one.example' as const;
const room = '!room:one.example';

const context: PushContext = { memberCount: 3, displayName: 'Alice', senderMayNotify: () => false };
const message = (content: JsonObject, rest: JsonObject = {}) => ({
  type: 'm.room.message',
  sender: '@bob:two.example',
  room_id: room,
  content,
  ...rest,
});
const text = (body: string) => message({ msgtype: 'm.text', body });

type Event = JsonObject & { sender: string; room_id: string };

function evaluate(event: Event, stored: StoredPushRules = emptyPushRules(), around: Partial<PushContext> = {}) {
  const rules = compilePushRules(pushRuleset(alice, stored), alice);
  return evaluatePushRules(rules, preparePushEvent(event), { ...context, ...around });
}

/** Notify, highlight and sound of an event, in short. */
function outcome(...args: Parameters<typeof evaluate>): string {
  const { notify, highlight, sound } = evaluate(...args);
  return [notify ? 'notify' : 'quiet', ...(highlight ? ['highlight'] : []), ...(sound ? [sound] : [])].join(' ');
}

const withRule = (kind: PushRuleKind, rule: Partial<PushRule>): StoredPushRules => ({
  user: { ...emptyPushRules().user, [kind]: [{ rule_id: 'r', default: false, enabled: true, actions: [], ...rule }] },
  defaults: {},
});

/** Whether an override rule with this one condition matches: it gives the sound away. */
function conditionHolds(condition: PushCondition, event: Event, around: Partial<PushContext> = {}): boolean {
  const stored = withRule('override', {
    conditions: [condition],
    actions: ['notify', { set_tweak: 'sound', value: 'matched' }],
  });
  return evaluate(event, stored, around).sound === 'matched';
}

describe('the default rules', () => {
  const mention = { msgtype: 'm.text', body: 'x', 'm.mentions': { user_ids: [alice] } };
  const invite = (target: string) => message({ membership: 'invite' }, { type: 'm.room.member', state_key: target });
  test.each<[string, Event, Partial<PushContext>, string]>([
    ['a message', text('hello'), {}, 'notify'],
    ['a message in a room of two', text('hello'), { memberCount: 2 }, 'notify default'],
    ['a notice', message({ msgtype: 'm.notice', body: 'x' }), {}, 'quiet'],
    ['an encrypted event', message({}, { type: 'm.room.encrypted' }), {}, 'notify'],
    [
      'an encrypted event in a room of two',
      message({}, { type: 'm.room.encrypted' }),
      { memberCount: 2 },
      'notify default',
    ],
    ['a mention', message(mention), {}, 'notify highlight default'],
    ['a mention of somebody else', message({ ...mention, 'm.mentions': { user_ids: ['@x:y'] } }), {}, 'notify'],
    ['the name in the text alone', text('hello Alice'), {}, 'notify'],
    ['@room without the power', message({ body: 'x', 'm.mentions': { room: true } }), {}, 'notify'],
    [
      '@room',
      message({ body: 'x', 'm.mentions': { room: true } }),
      { senderMayNotify: (key) => key === 'room' },
      'notify highlight',
    ],
    ['an invite for the user', invite(alice), {}, 'notify default'],
    ['an invite for somebody else', invite('@x:y'), {}, 'quiet'],
    ['a tombstone', message({}, { type: 'm.room.tombstone', state_key: '' }), {}, 'notify highlight'],
    ['a tombstone that is no state', message({}, { type: 'm.room.tombstone' }), {}, 'quiet'],
    ['a reaction', message({}, { type: 'm.reaction' }), {}, 'quiet'],
    ['a server ACL', message({}, { type: 'm.room.server_acl', state_key: '' }), {}, 'quiet'],
    ['an edit', message({ body: 'x', 'm.relates_to': { rel_type: 'm.replace' } }), {}, 'quiet'],
    ['a call', message({}, { type: 'm.call.invite' }), {}, 'notify ring'],
    ['a topic', message({ topic: 'x' }, { type: 'm.room.topic', state_key: '' }), {}, 'quiet'],
    ['an own message', { ...text('hello'), sender: alice }, {}, 'quiet'],
  ])('%s', (_name, event, around, expected) => {
    expect(outcome(event, emptyPushRules(), around)).toBe(expected);
  });

  test('the master rule, once enabled, silences everything, the user’s own rules too', () => {
    const stored = withRule('override', { conditions: [], actions: ['notify'] });
    expect(outcome(text('x'), stored)).toBe('notify');
    expect(outcome(text('x'), { ...stored, defaults: { 'override/.m.rule.master': { enabled: true } } })).toBe('quiet');
  });
});

describe('the kinds are tried in their order', () => {
  const loud = (name: string) => ['notify', { set_tweak: 'sound', value: name }] as PushRule['actions'];
  const rule = (ruleId: string, kind: string, rest: Partial<PushRule> = {}): PushRule => ({
    rule_id: ruleId,
    default: false,
    enabled: true,
    actions: loud(kind),
    ...rest,
  });
  const all: StoredPushRules['user'] = {
    override: [rule('o', 'override', { conditions: [] })],
    content: [rule('c', 'content', { pattern: 'cake' })],
    room: [rule(room, 'room')],
    sender: [rule('@bob:two.example', 'sender')],
    underride: [rule('u', 'underride')],
  };

  test('override, content, room, sender, underride', () => {
    const left = { ...all };
    for (const kind of ['override', 'content', 'room', 'sender', 'underride'] as const) {
      expect(evaluate(text('Cake!'), { user: left, defaults: {} }).sound).toBe(kind);
      left[kind] = [];
    }
    expect(outcome(text('Cake!'), { user: left, defaults: {} })).toBe('notify');
  });

  test('the first rule of a kind that matches decides, and a disabled one never matches', () => {
    const [o] = all.override as [PushRule];
    const first = { ...o, rule_id: 'first', actions: [] };
    expect(outcome(text('x'), { user: { ...all, override: [first, o] }, defaults: {} })).toBe('quiet');
    const user = { ...all, override: [{ ...first, enabled: false }, o] };
    expect(evaluate(text('x'), { user, defaults: {} }).sound).toBe('override');
  });

  test('room and sender rules are for that room and that sender', () => {
    const user = { ...all, override: [], content: [], underride: [] };
    const elsewhere = { ...text('x'), room_id: '!other:one.example' };
    expect(evaluate(elsewhere, { user, defaults: {} }).sound).toBe('sender');
    expect(evaluate({ ...elsewhere, sender: '@x:y' }, { user, defaults: {} }).sound).toBeUndefined();
  });
});

describe('event_match', () => {
  const holds = (key: string, pattern: string, event: Event) =>
    conditionHolds({ kind: 'event_match', key, pattern }, event);

  test('matches the whole value, ignoring case', () => {
    for (const [topic, matches] of [
      ['Lunch plans', true],
      ['LUNCH', true],
      [' lunch', false],
      ['lunc', false],
      [null, false],
      [5, false],
    ] as const) {
      expect(holds('content.topic', 'lunc?*', message({ topic })), String(topic)).toBe(matches);
    }
  });

  test('matches words of content.body', () => {
    expect(holds('content.body', 'ex*ple', text('An example event.'))).toBe(true);
    expect(holds('content.body', 'EX*ple', text('An exciting triple-whammy'))).toBe(true);
    expect(holds('content.body', 'ex*ple', text('examples'))).toBe(false);
  });

  test('never matches what is absent, even with a star', () => {
    expect(holds('content.absent', '*', text('x'))).toBe(false);
    expect(holds('state_key', '', text('x'))).toBe(false);
  });

  test('a dot or backslash in a key is escaped; other escapes are left as they are', () => {
    const event = message({ 'a.b': 'x', 'c\\d': 'y', 'e\\f': 'z', a: { b: 'nested' } });
    expect(holds('content.a\\.b', 'x', event)).toBe(true);
    expect(holds('content.a.b', 'nested', event)).toBe(true);
    expect(holds('content.c\\\\d', 'y', event)).toBe(true);
    expect(holds('content.e\\f', 'z', event)).toBe(true);
  });

  test('A9.1 only the event’s own keys count', () => {
    expect(holds('content.constructor.name', '*', text('x'))).toBe(false);
    expect(holds('content.__proto__.a', 'x', message(parseJson('{"__proto__":{"a":"x"}}') as JsonObject))).toBe(true);
  });
});

describe('event_property_is', () => {
  const holds = (value: unknown, wanted: unknown) =>
    conditionHolds(
      { kind: 'event_property_is', key: 'content.p', value: wanted } as PushCondition,
      message({ p: value } as JsonObject),
    );

  test('compares exactly, without casting', () => {
    for (const value of ['a', '', 0, 7, true, false, null]) expect(holds(value, value), String(value)).toBe(true);
    expect(holds('true', true)).toBe(false);
    expect(holds(1, true)).toBe(false);
    expect(holds('A', 'a')).toBe(false);
    expect(holds(undefined, null)).toBe(false);
  });

  test('does not match objects and arrays', () => {
    expect(holds({}, {})).toBe(false);
    expect(holds([1], [1])).toBe(false);
    expect(holds(undefined, undefined)).toBe(false);
  });
});

test('event_property_contains looks for exactly that value in an array', () => {
  const holds = (list: unknown, value: unknown) =>
    conditionHolds(
      { kind: 'event_property_contains', key: 'content.p', value } as PushCondition,
      message({ p: list } as JsonObject),
    );
  expect(holds(['#a:b', '#c:d'], '#c:d')).toBe(true);
  expect(holds(['#a:b', '#c:d'], ':d')).toBe(false);
  expect(holds([null, 1], 1)).toBe(true);
  expect(holds([['x']], ['x'])).toBe(false);
  expect(holds('x', 'x')).toBe(false);
});

test('contains_display_name finds the name as words, and takes its stars for stars', () => {
  const holds = (body: string, displayName: string | undefined) =>
    conditionHolds({ kind: 'contains_display_name' }, text(body), { displayName });
  expect(holds('hello ALICE!', 'Alice')).toBe(true);
  expect(holds('malice', 'Alice')).toBe(false);
  expect(holds('hello', '*')).toBe(false);
  expect(holds('hello *', '*')).toBe(true);
  expect(holds('hello', '')).toBe(false);
  expect(holds('hello', undefined)).toBe(false);
});

test.each([
  ['2', [2]],
  ['==2', [2]],
  ['<2', [0, 1]],
  ['<=2', [0, 1, 2]],
  ['>2', [3, 4]],
  ['>=2', [2, 3, 4]],
  ['=2', []],
  ['2.0', []],
  ['', []],
  ['> 2', []],
  [2, []],
])('room_member_count %j holds for %j members', (is, counts) => {
  const condition = { kind: 'room_member_count', is } as PushCondition;
  expect([0, 1, 2, 3, 4].filter((memberCount) => conditionHolds(condition, text('x'), { memberCount }))).toEqual(
    counts,
  );
});

test('sender_notification_permission asks for the power level of its key', () => {
  const senderMayNotify = (key: string) => key === 'org.example.bell';
  const holds = (key: unknown) =>
    conditionHolds({ kind: 'sender_notification_permission', key } as PushCondition, text('x'), { senderMayNotify });
  expect(holds('org.example.bell')).toBe(true);
  expect(holds('room')).toBe(false);
  expect(holds(undefined)).toBe(false);
});

test('unknown and malformed conditions never hold', () => {
  for (const condition of [
    { kind: 'org.example' },
    { kind: 'event_match' },
    { kind: 'event_match', key: 'type', pattern: 1 },
  ]) {
    expect(conditionHolds(condition, text('x'))).toBe(false);
  }
});

describe('actions', () => {
  const outcomeOf = (...actions: PushRule['actions']) =>
    outcome(text('x'), withRule('override', { conditions: [], actions }));

  test('a highlight tweak without value means true, and needs a notification', () => {
    expect(outcomeOf('notify', { set_tweak: 'highlight' })).toBe('notify highlight');
    expect(outcomeOf('notify', { set_tweak: 'highlight', value: true })).toBe('notify highlight');
    expect(outcomeOf('notify', { set_tweak: 'highlight', value: false })).toBe('notify');
    expect(outcomeOf({ set_tweak: 'highlight' })).toBe('quiet');
  });

  test('the actions of the rule are handed on, tweaks of others too', () => {
    const actions: PushRule['actions'] = ['notify', { set_tweak: 'org.example.light', value: 'blue' }];
    expect(evaluate(text('x'), withRule('override', { conditions: [], actions })).actions).toEqual(actions);
  });
});

test('A8.1 a hostile pattern costs no more than the length of text and pattern', () => {
  const stored = withRule('content', { pattern: `${'*a'.repeat(400)}b` });
  expect(outcome(text('a'.repeat(60_000)), stored)).toBe('notify');
});
