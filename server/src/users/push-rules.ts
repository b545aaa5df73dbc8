import type { UserId } from '../protocol/event.ts';
import type { JsonObject } from '../protocol/json.ts';
import { type PushRuleset, pushRuleset, readStoredPushRules, type StoredPushRules } from '../protocol/push-rules.ts';
import { findAccountData, holdAccountData, putAccountData } from '../storage/account-data.ts';
import type { Database, Queryable } from '../storage/database.ts';

/** Account data type under which push rules are stored, and shown to clients. */
export const PUSH_RULES = 'm.push_rules';

/** Content of the `m.push_rules` event that clients see, from what is stored of it (undefined: nothing). */
export function shownPushRules(userId: UserId, stored: JsonObject | undefined): JsonObject {
  return { global: pushRuleset(userId, readStoredPushRules(stored)) as unknown as JsonObject };
}

/** All push rules of a user: the defaults, as changed by the user, and the user's own. */
export async function pushRulesetOf(db: Queryable, userId: UserId): Promise<PushRuleset> {
  return pushRuleset(userId, readStoredPushRules(await findAccountData(db, userId, '', PUSH_RULES)));
}

/** Changes a user's push rules; changes at the same time come one after the other. `change` may throw what the client is to see. */
export async function changePushRules(
  db: Database,
  userId: UserId,
  change: (stored: StoredPushRules) => StoredPushRules,
): Promise<void> {
  await db.transaction(async (tx) => {
    const stored = readStoredPushRules(await holdAccountData(tx, userId, '', PUSH_RULES));
    const content = change(stored) as unknown as JsonObject;
    await putAccountData(tx, { userId, type: PUSH_RULES, content });
  });
}
