/**
 * GET /_matrix/client/v3/pushrules/, /_matrix/client/v3/pushrules/global/; GET, PUT, DELETE …/global/{kind}/{ruleId};
 * GET, PUT …/{ruleId}/enabled and …/{ruleId}/actions: Client-Server API, "Push Rules: API".
 */
import Type from 'typebox';
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { AnyObject, boundedString } from '../http/schemas.ts';
import { invalidParam, notFound } from '../protocol/errors.ts';
import type { UserId } from '../protocol/event.ts';
import { deletePushRule, putPushRule, setPushRuleActions, setPushRuleEnabled } from '../protocol/push-rule-changes.ts';
import {
  findPushRule,
  isPushRuleKind,
  type PushRule,
  type PushRuleKind,
  type PushRuleset,
  type StoredPushRules,
} from '../protocol/push-rules.ts';

/** `users/push-rules.ts`, bound to the database. */
export interface PushRuleService {
  get(userId: UserId): Promise<PushRuleset>;
  change(userId: UserId, change: (stored: StoredPushRules) => StoredPushRules): Promise<void>;
}

type Params = Readonly<Record<string, string>>;

const ROOT = '/_matrix/client/v3/pushrules/';
const RULE = `${ROOT}global/{kind}/{ruleId}`;
const MAX_BODY_BYTES = 64 * 1024;
const signedIn = { auth: 'access_token', guests: false, rateLimit: 'read' } as const;

function ruleIn(params: Params): { kind: PushRuleKind; ruleId: string } {
  const { kind = '', ruleId = '' } = params;
  if (!isPushRuleKind(kind)) throw invalidParam('There is no such kind of push rule.');
  return { kind, ruleId };
}

export function pushRulesRoutes(rules: PushRuleService): ClientRoute[] {
  async function find(userId: UserId, params: Params): Promise<PushRule> {
    const { kind, ruleId } = ruleIn(params);
    const rule = findPushRule(await rules.get(userId), kind, ruleId);
    if (rule === undefined) throw notFound('The push rule was not found.');
    return rule;
  }

  return [
    clientRoute({
      ...signedIn,
      method: 'GET',
      path: ROOT,
      handle: async ({ requester }) => ({ global: await rules.get(requester.userId) }),
    }),
    clientRoute({
      ...signedIn,
      method: 'GET',
      path: `${ROOT}global/`,
      handle: async ({ requester }) => await rules.get(requester.userId),
    }),
    clientRoute({
      ...signedIn,
      method: 'GET',
      path: RULE,
      handle: async ({ params, requester }) => await find(requester.userId, params),
    }),
    clientRoute({
      ...signedIn,
      method: 'GET',
      path: `${RULE}/enabled`,
      handle: async ({ params, requester }) => ({ enabled: (await find(requester.userId, params)).enabled }),
    }),
    clientRoute({
      ...signedIn,
      method: 'GET',
      path: `${RULE}/actions`,
      handle: async ({ params, requester }) => ({ actions: (await find(requester.userId, params)).actions }),
    }),
    ...changes(rules),
  ];
}

function changes(rules: PushRuleService): ClientRoute[] {
  return [
    clientRoute({
      ...signedIn,
      method: 'PUT',
      path: RULE,
      bodyLimitBytes: MAX_BODY_BYTES,
      body: AnyObject,
      query: Type.Object({ before: Type.Optional(boundedString(512)), after: Type.Optional(boundedString(512)) }),
      async handle({ params, body, query, requester }) {
        const { kind, ruleId } = ruleIn(params);
        await rules.change(requester.userId, (stored) => putPushRule(stored, kind, ruleId, body, query));
        return {};
      },
    }),
    clientRoute({
      ...signedIn,
      method: 'DELETE',
      path: RULE,
      async handle({ params, requester }) {
        const { kind, ruleId } = ruleIn(params);
        await rules.change(requester.userId, (stored) => deletePushRule(stored, kind, ruleId));
        return {};
      },
    }),
    clientRoute({
      ...signedIn,
      method: 'PUT',
      path: `${RULE}/enabled`,
      body: Type.Object({ enabled: Type.Boolean() }),
      async handle({ params, body, requester }) {
        const { userId } = requester;
        const { kind, ruleId } = ruleIn(params);
        await rules.change(userId, (stored) => setPushRuleEnabled(userId, stored, kind, ruleId, body.enabled));
        return {};
      },
    }),
    clientRoute({
      ...signedIn,
      method: 'PUT',
      path: `${RULE}/actions`,
      bodyLimitBytes: MAX_BODY_BYTES,
      body: Type.Object({ actions: Type.Array(Type.Unknown()) }),
      async handle({ params, body, requester }) {
        const { userId } = requester;
        const { kind, ruleId } = ruleIn(params);
        await rules.change(userId, (stored) => setPushRuleActions(userId, stored, kind, ruleId, body.actions));
        return {};
      },
    }),
  ];
}
