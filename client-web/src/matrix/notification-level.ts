import { ConditionKind, type IPushRule, type MatrixClient, PushRuleActionName, PushRuleKind } from 'matrix-js-sdk';

/** What a room notifies about. `all` is what the default push rules do. */
export type NotificationLevel = 'all' | 'mentions' | 'mute';

/**
 * Reads a room's level from the push rules: an override rule with the room's id that does nothing mutes it, a room
 * rule that does nothing leaves mentions. Other clients write the same rules.
 */
export function readNotificationLevel(client: MatrixClient, roomId: string): NotificationLevel {
  const rules = client.pushRules?.global;
  if (!rules) return 'all';
  const override = rules.override?.find((rule) => rule.rule_id === roomId);
  if (override?.enabled && isSilent(override)) return 'mute';
  const room = rules.room?.find((rule) => rule.rule_id === roomId);
  return room?.enabled && isSilent(room) ? 'mentions' : 'all';
}

/** Writes the push rules for a room's level. The new rules come back through sync. */
export async function writeNotificationLevel(client: MatrixClient, roomId: string, level: NotificationLevel) {
  const rules = client.pushRules?.global;
  const hasOverride = rules?.override?.some((rule) => rule.rule_id === roomId) ?? false;
  const hasRoomRule = rules?.room?.some((rule) => rule.rule_id === roomId) ?? false;
  if (hasOverride) await client.deletePushRule('global', PushRuleKind.Override, roomId);
  if (hasRoomRule) await client.deletePushRule('global', PushRuleKind.RoomSpecific, roomId);
  if (level === 'mute') {
    await client.addPushRule('global', PushRuleKind.Override, roomId, {
      conditions: [{ kind: ConditionKind.EventMatch, key: 'room_id', pattern: roomId }],
      actions: [],
    });
  } else if (level === 'mentions') {
    await client.addPushRule('global', PushRuleKind.RoomSpecific, roomId, { actions: [] });
  }
}

function isSilent(rule: IPushRule): boolean {
  return rule.actions.length === 0 || rule.actions.includes(PushRuleActionName.DontNotify);
}
