/** The push rules that every user has (Client-Server API, "Predefined Rules"), in their order of importance. */

import type { UserId } from './event.ts';
import type { PushAction, PushCondition, PushRule, PushRuleset } from './push-rules.ts';

const HIGHLIGHT: PushAction = { set_tweak: 'highlight' };
const sound = (value: string): PushAction => ({ set_tweak: 'sound', value });

const matches = (key: string, pattern: string): PushCondition => ({ kind: 'event_match', key, pattern });
const isOfType = (type: string) => matches('type', type);

/** The default rules of this user, nothing changed. */
export function defaultPushRules(userId: UserId): PushRuleset {
  return {
    override: [
      { ...rule('.m.rule.master', [], []), enabled: false },
      rule('.m.rule.suppress_notices', [matches('content.msgtype', 'm.notice')], []),
      rule(
        '.m.rule.invite_for_me',
        [isOfType('m.room.member'), matches('content.membership', 'invite'), matches('state_key', userId)],
        ['notify', sound('default')],
      ),
      rule('.m.rule.member_event', [isOfType('m.room.member')], []),
      rule(
        '.m.rule.is_user_mention',
        [{ kind: 'event_property_contains', key: 'content.m\\.mentions.user_ids', value: userId }],
        ['notify', sound('default'), HIGHLIGHT],
      ),
      rule(
        '.m.rule.is_room_mention',
        [
          { kind: 'event_property_is', key: 'content.m\\.mentions.room', value: true },
          { kind: 'sender_notification_permission', key: 'room' },
        ],
        ['notify', HIGHLIGHT],
      ),
      rule('.m.rule.tombstone', [isOfType('m.room.tombstone'), matches('state_key', '')], ['notify', HIGHLIGHT]),
      rule('.m.rule.reaction', [isOfType('m.reaction')], []),
      rule('.m.rule.room.server_acl', [isOfType('m.room.server_acl'), matches('state_key', '')], []),
      rule(
        '.m.rule.suppress_edits',
        [{ kind: 'event_property_is', key: 'content.m\\.relates_to.rel_type', value: 'm.replace' }],
        [],
      ),
    ],
    content: [],
    room: [],
    sender: [],
    underride: [
      rule('.m.rule.call', [isOfType('m.call.invite')], ['notify', sound('ring')]),
      rule(
        '.m.rule.encrypted_room_one_to_one',
        [{ kind: 'room_member_count', is: '2' }, isOfType('m.room.encrypted')],
        ['notify', sound('default')],
      ),
      rule(
        '.m.rule.room_one_to_one',
        [{ kind: 'room_member_count', is: '2' }, isOfType('m.room.message')],
        ['notify', sound('default')],
      ),
      rule('.m.rule.message', [isOfType('m.room.message')], ['notify']),
      rule('.m.rule.encrypted', [isOfType('m.room.encrypted')], ['notify']),
    ],
  };
}

function rule(ruleId: string, conditions: readonly PushCondition[], actions: readonly PushAction[]): PushRule {
  return { rule_id: ruleId, default: true, enabled: true, conditions, actions };
}
