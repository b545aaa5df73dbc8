import { expect, test } from 'vitest';
import type { UserId } from '../../server/src/protocol/event.ts';
import { accountDataSince } from '../../server/src/users/account-data.ts';
import { pushRulesetOf } from '../../server/src/users/push-rules.ts';
import { accountServer } from '../harness/account-server.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();
const server = await accountServer(db.url);
const alice = await server.register('alice');
const bob = await server.register('bob');
const userId = alice.user_id as UserId;
const ROOT = '/_matrix/client/v3/pushrules/';
const call = (method: string, path: string, body?: unknown) =>
  server.call(method, ROOT + path, { token: alice.access_token, body });
const ids = async (kind: string) =>
  (await call('GET', '')).json.global[kind].map((rule: { rule_id: string }) => rule.rule_id);

test('a user starts with the default rules, in the rule set and in account data', async () => {
  const { json } = await call('GET', '');
  expect(Object.keys(json.global).sort()).toEqual(['content', 'override', 'room', 'sender', 'underride']);
  expect((await call('GET', 'global/')).json).toEqual(json.global);
  expect(json.global.override[0]).toMatchObject({ rule_id: '.m.rule.master', default: true, enabled: false });
  const data = await server.call('GET', `/_matrix/client/v3/user/${userId}/account_data/m.push_rules`, {
    token: alice.access_token,
  });
  expect(data.json).toEqual(json);
});

test('a rule is added as the most important one, or next to another, changed and deleted', async () => {
  const rule = { actions: ['notify'], pattern: 'cake' };
  expect((await call('PUT', 'global/content/one', rule)).json).toEqual({});
  await call('PUT', 'global/content/two', rule);
  await call('PUT', 'global/content/three?after=two', rule);
  await call('PUT', 'global/content/four?before=one', rule);
  expect((await ids('content')).slice(0, 4)).toEqual(['two', 'three', 'four', 'one']);
  expect((await call('GET', 'global/content/one')).json).toEqual({
    rule_id: 'one',
    default: false,
    enabled: true,
    actions: ['notify'],
    pattern: 'cake',
  });
  expect((await call('DELETE', 'global/content/one')).json).toEqual({});
  expect((await call('GET', 'global/content/one')).json.errcode).toBe('M_NOT_FOUND');
  expect((await call('DELETE', 'global/content/one')).json.errcode).toBe('M_NOT_FOUND');
});

test('default rules are switched and their actions changed, but they are not replaced or deleted', async () => {
  const master = 'global/override/.m.rule.master';
  expect((await call('PUT', `${master}/enabled`, { enabled: true })).json).toEqual({});
  expect((await call('GET', `${master}/enabled`)).json).toEqual({ enabled: true });
  const actions = ['notify', { set_tweak: 'sound', value: 'ping' }];
  await call('PUT', 'global/underride/.m.rule.message/actions', { actions });
  expect((await call('GET', 'global/underride/.m.rule.message/actions')).json).toEqual({ actions });
  expect((await call('PUT', master, { actions: [] })).status).toBe(400);
  expect((await call('DELETE', master)).status).toBe(404);
});

test.each([
  ['PUT', 'global/nonsense/x', { actions: [] }, 400, 'M_INVALID_PARAM'],
  ['PUT', 'global/content/x', { pattern: 'x' }, 400, 'M_MISSING_PARAM'],
  ['PUT', 'global/content/x?before=unknown', { actions: [], pattern: 'x' }, 400, 'M_UNKNOWN'],
  ['PUT', 'global/room/no-room', { actions: [] }, 400, 'M_INVALID_PARAM'],
  ['GET', 'global/override/unknown/enabled', undefined, 404, 'M_NOT_FOUND'],
  ['PUT', 'global/override/unknown/enabled', { enabled: true }, 404, 'M_NOT_FOUND'],
  ['PUT', 'global/override/.m.rule.master/enabled', { enabled: 'yes' }, 400, 'M_BAD_JSON'],
  ['PUT', 'global/override/.m.rule.master/actions', {}, 400, 'M_MISSING_PARAM'],
])('%s %s with %j is refused', async (method, path, body, status, errcode) => {
  const answer = await call(method, path, body);
  expect([answer.status, answer.json.errcode]).toEqual([status, errcode]);
});

test('A8.1 a rule has at most 1 KiB and an id of at most 300 characters', async () => {
  expect((await call('PUT', 'global/content/big', { actions: [], pattern: 'x'.repeat(1024) })).status).toBe(400);
  expect((await call('PUT', `global/override/${'x'.repeat(301)}`, { actions: [] })).status).toBe(400);
});

test('a change is told to the clients of its owner as m.push_rules, and nobody else has it', async () => {
  const [before] = await db.query<{ position: number }>('SELECT position FROM log_head');
  const since = before?.position ?? 0;
  await call('PUT', 'global/override/mine', { actions: [], conditions: [] });
  const [data, ...more] = (await accountDataSince(db, userId, since)).global;
  expect(more).toEqual([]);
  expect(data).toEqual({ type: 'm.push_rules', content: (await call('GET', '')).json });
  expect((await accountDataSince(db, bob.user_id as UserId, since)).global).toEqual([]);
  const rules = async (user: string) => (await pushRulesetOf(db, user as UserId)).override.map((rule) => rule.rule_id);
  expect(await rules(userId)).toContain('mine');
  expect(await rules(bob.user_id)).not.toContain('mine');
});

test('changes at the same time are all kept', async () => {
  await Promise.all(
    Array.from({ length: 8 }, (_, i) => call('PUT', `global/override/at-once-${i}`, { actions: [], conditions: [] })),
  );
  expect((await ids('override')).filter((id: string) => id.startsWith('at-once'))).toHaveLength(8);
});
