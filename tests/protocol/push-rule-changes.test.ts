import { describe, expect, test } from 'vitest';
import type { MatrixError } from '../../server/src/protocol/errors.ts';
import {
  deletePushRule,
  MAX_PUSH_RULES,
  putPushRule,
  setPushRuleActions,
  setPushRuleEnabled,
} from '../../server/src/protocol/push-rule-changes.ts';
import {
  emptyPushRules,
  findPushRule,
  isPushRuleKind,
  type PushRuleKind,
  pushRuleset,
  readStoredPushRules,
  type StoredPushRules,
} from '../../server/src/protocol/push-rules.ts';

const alice = '@alice:one.example' as const;
const empty = emptyPushRules();
const quiet = { actions: [] };

const put = (stored: StoredPushRules, id: string, position = {}) =>
  putPushRule(stored, 'override', id, quiet, position);
const idsOf = (stored: StoredPushRules, kind: PushRuleKind = 'override') =>
  stored.user[kind].map((rule) => rule.rule_id);

function errorOf(run: () => unknown): MatrixError {
  try {
    run();
  } catch (error) {
    return error as MatrixError;
  }
  throw new Error('nothing was thrown');
}

describe('the ruleset that a user is shown', () => {
  test('has the default rules for a user who has changed nothing', () => {
    const { override, content, underride } = pushRuleset(alice, empty);
    expect(override.map((rule) => rule.rule_id)).toEqual([
      '.m.rule.master',
      '.m.rule.suppress_notices',
      '.m.rule.invite_for_me',
      '.m.rule.member_event',
      '.m.rule.is_user_mention',
      '.m.rule.is_room_mention',
      '.m.rule.tombstone',
      '.m.rule.reaction',
      '.m.rule.room.server_acl',
      '.m.rule.suppress_edits',
    ]);
    expect(content).toEqual([]);
    expect(underride.map((rule) => rule.rule_id)).toEqual([
      '.m.rule.call',
      '.m.rule.encrypted_room_one_to_one',
      '.m.rule.room_one_to_one',
      '.m.rule.message',
      '.m.rule.encrypted',
    ]);
    expect(override.filter((rule) => !rule.enabled).map((rule) => rule.rule_id)).toEqual(['.m.rule.master']);
  });

  test('has the user’s rules after the master rule and before the other defaults', () => {
    const ids = pushRuleset(alice, put(empty, 'mine')).override.map((rule) => rule.rule_id);
    expect(ids.slice(0, 3)).toEqual(['.m.rule.master', 'mine', '.m.rule.suppress_notices']);
    const stored = putPushRule(empty, 'underride', 'mine', quiet);
    expect(pushRuleset(alice, stored).underride[0]?.rule_id).toBe('mine');
  });
});

describe('a new rule', () => {
  test('is enabled, no default, and the most important of its kind', () => {
    const stored = put(put(empty, 'a'), 'b');
    expect(idsOf(stored)).toEqual(['b', 'a']);
    expect(stored.user.override[0]).toEqual({
      rule_id: 'b',
      default: false,
      enabled: true,
      actions: [],
      conditions: [],
    });
    expect(idsOf(empty)).toEqual([]);
  });

  test('goes next before or after the rule that is named, and before it if both are', () => {
    const stored = put(put(put(empty, 'c'), 'b'), 'a');
    expect(idsOf(put(stored, 'x', { before: 'b' }))).toEqual(['a', 'x', 'b', 'c']);
    expect(idsOf(put(stored, 'x', { after: 'b' }))).toEqual(['a', 'b', 'x', 'c']);
    expect(idsOf(put(stored, 'x', { before: 'c', after: 'a' }))).toEqual(['a', 'b', 'x', 'c']);
  });

  test('cannot go next to a rule that does not exist, or a default one', () => {
    for (const before of ['nope', '.m.rule.tombstone', 'x']) {
      expect(errorOf(() => put(empty, 'x', { before }))).toMatchObject({ errcode: 'M_UNKNOWN', status: 400 });
    }
  });

  test('drops the actions of older specifications', () => {
    const stored = putPushRule(empty, 'override', 'x', { actions: ['dont_notify', 'coalesce', 'notify'] });
    expect(stored.user.override[0]?.actions).toEqual(['notify']);
  });

  test('keeps conditions of kinds that are not known yet', () => {
    const conditions = [{ kind: 'org.example', depth: { a: 1 } }];
    expect(putPushRule(empty, 'override', 'x', { ...quiet, conditions }).user.override[0]?.conditions).toEqual(
      conditions,
    );
  });

  test.each<[PushRuleKind, string, unknown, string]>([
    ['override', '.m.rule.mine', quiet, 'M_INVALID_PARAM'],
    ['override', 'a/b', quiet, 'M_INVALID_PARAM'],
    ['override', 'a\\b', quiet, 'M_INVALID_PARAM'],
    ['override', '', quiet, 'M_INVALID_PARAM'],
    ['room', 'nope', quiet, 'M_INVALID_PARAM'],
    ['sender', 'nope', quiet, 'M_INVALID_PARAM'],
    ['content', 'x', quiet, 'M_MISSING_PARAM'],
    ['content', 'x', { ...quiet, pattern: 1 }, 'M_MISSING_PARAM'],
    ['override', 'x', {}, 'M_MISSING_PARAM'],
    ['override', 'x', null, 'M_MISSING_PARAM'],
    ['override', 'x', { actions: 'notify' }, 'M_INVALID_PARAM'],
    ['override', 'x', { actions: ['shout'] }, 'M_INVALID_PARAM'],
    ['override', 'x', { actions: [{ value: 1 }] }, 'M_INVALID_PARAM'],
    ['override', 'x', { ...quiet, conditions: {} }, 'M_INVALID_PARAM'],
    ['override', 'x', { ...quiet, conditions: [{}] }, 'M_INVALID_PARAM'],
  ])('%s %j with %j is refused', (kind, id, body, errcode) => {
    expect(errorOf(() => putPushRule(empty, kind, id, body))).toMatchObject({ errcode, status: 400 });
  });

  test('A8.1 is at most 1 KiB, has an id of at most 300 characters, and is one of at most 10,000', () => {
    const large = { actions: [], pattern: 'x'.repeat(1024) };
    expect(errorOf(() => putPushRule(empty, 'content', 'x', large)).errcode).toBe('M_INVALID_PARAM');
    expect(errorOf(() => put(empty, 'x'.repeat(301))).errcode).toBe('M_INVALID_PARAM');
    const rule = { rule_id: 'r', default: false, enabled: true, actions: [] };
    const many = Array.from({ length: MAX_PUSH_RULES }, (_, i) => ({ ...rule, rule_id: `r${i}` }));
    const full = { ...empty, user: { ...empty.user, content: many } };
    expect(errorOf(() => put(full, 'one-more')).errcode).toBe('M_INVALID_PARAM');
    expect(putPushRule(full, 'content', 'r0', { actions: ['notify'], pattern: 'x' }).user.content).toHaveLength(
      MAX_PUSH_RULES,
    );
  });
});

describe('changing a rule', () => {
  const stored = setPushRuleEnabled(alice, put(put(empty, 'b'), 'a'), 'override', 'b', false);

  test('keeps its place and whether it is enabled, unless a place is asked for', () => {
    const changed = putPushRule(stored, 'override', 'b', { actions: ['notify'] });
    expect(idsOf(changed)).toEqual(['a', 'b']);
    expect(changed.user.override[1]).toMatchObject({ enabled: false, actions: ['notify'] });
    expect(idsOf(put(stored, 'b', { before: 'a' }))).toEqual(['b', 'a']);
  });

  test('default rules can be enabled, disabled and given other actions', () => {
    let changed = setPushRuleEnabled(alice, empty, 'underride', '.m.rule.message', false);
    changed = setPushRuleActions(alice, changed, 'underride', '.m.rule.message', ['dont_notify']);
    const rule = findPushRule(pushRuleset(alice, changed), 'underride', '.m.rule.message');
    expect(rule).toMatchObject({ default: true, enabled: false, actions: [] });
    expect(findPushRule(pushRuleset(alice, empty), 'underride', '.m.rule.message')).toMatchObject({ enabled: true });
  });

  test('own rules can be given other actions', () => {
    const changed = setPushRuleActions(alice, stored, 'override', 'a', ['notify', { set_tweak: 'highlight' }]);
    expect(changed.user.override[0]?.actions).toEqual(['notify', { set_tweak: 'highlight' }]);
    expect(errorOf(() => setPushRuleActions(alice, stored, 'override', 'a', [1])).errcode).toBe('M_INVALID_PARAM');
  });

  test('a rule that does not exist is not found', () => {
    for (const run of [
      () => setPushRuleEnabled(alice, stored, 'override', 'nope', true),
      () => setPushRuleActions(alice, stored, 'underride', '.m.rule.nope', []),
      () => deletePushRule(stored, 'content', 'a'),
      () => deletePushRule(stored, 'override', '.m.rule.tombstone'),
    ]) {
      expect(errorOf(run)).toMatchObject({ errcode: 'M_NOT_FOUND', status: 404 });
    }
  });

  test('a rule can be deleted', () => {
    expect(idsOf(deletePushRule(stored, 'override', 'a'))).toEqual(['b']);
  });
});

describe('what was stored', () => {
  test('is read as it was written', () => {
    const stored = setPushRuleEnabled(
      alice,
      putPushRule(put(empty, 'a'), 'content', 'c', { actions: ['notify'], pattern: 'x' }),
      'override',
      '.m.rule.master',
      true,
    );
    expect(readStoredPushRules(JSON.parse(JSON.stringify(stored)))).toEqual(stored);
  });

  test('is left out where it is damaged', () => {
    expect(readStoredPushRules(null)).toEqual(empty);
    const damaged = { user: { override: [1, { rule_id: 'x' }], content: 'x' }, defaults: { a: 1, b: { enabled: 1 } } };
    expect(readStoredPushRules(damaged)).toEqual(empty);
  });
});

test('the kinds of rules are the spec’s five', () => {
  expect(['override', 'content', 'room', 'sender', 'underride'].every(isPushRuleKind)).toBe(true);
  expect(isPushRuleKind('device')).toBe(false);
});
