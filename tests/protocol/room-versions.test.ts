import { describe, expect, it } from 'vitest';
import {
  DEFAULT_ROOM_VERSION,
  type RoomVersion,
  roomVersion,
  roomVersions,
  supportedRoomVersions,
} from '../../server/src/protocol/room-versions.ts';

const all = [...roomVersions.values()];

/** Ids of the versions in which a feature differs from the version before. */
function stepsOf(feature: keyof RoomVersion): string[] {
  const shown = (version: RoomVersion) => {
    const value = version[feature];
    return value instanceof Map ? JSON.stringify([...value].sort()) : JSON.stringify(value, bigintAsText);
  };
  return all.filter((version, i) => i > 0 && shown(version) !== shown(all[i - 1] as RoomVersion)).map(({ id }) => id);
}

const bigintAsText = (_key: string, value: unknown) => (typeof value === 'bigint' ? `${value}` : value);

describe('room versions', () => {
  it('lists the twelve stable versions and supports them all', () => {
    expect([...roomVersions.keys()]).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12']);
    expect(supportedRoomVersions).toEqual([...roomVersions.keys()]);
    expect(roomVersion('12')?.id).toBe('12');
    expect(roomVersion('1')?.id).toBe('1');
    expect(roomVersion('org.example.unknown')).toBeUndefined();
  });

  it('makes new rooms in version 12', () => {
    expect(supportedRoomVersions).toContain(DEFAULT_ROOM_VERSION);
    expect(DEFAULT_ROOM_VERSION).toBe('12');
  });

  const steps: Record<Exclude<keyof RoomVersion, 'id'>, string[]> = {
    eventIds: ['3', '4'],
    eventIdInPdu: ['3'],
    eventReferences: ['3'],
    maxDepth: ['6'],
    roomIds: ['12'],
    roomIdInCreateEvent: ['12'],
    redactsIn: ['11'],
    creatorInContent: ['11'],
    creators: ['11', '12'],
    strictCanonicalJson: ['6'],
    eventIdServerSigns: ['3'],
    enforcesKeyValidity: ['5'],
    redactionKeeps: ['11'],
    redactionKeepsContent: ['6', '8', '9', '11'],
    redactionsDecidedBy: ['3'],
    stateResolution: ['2', '12'],
    authRuleNumbers: ['3', '6', '7', '8', '10', '12'],
    createInAuthEvents: ['12'],
    aliasesRule: ['6'],
    joinRules: ['7', '8', '10'],
    knocking: ['7'],
    restrictedJoins: ['8'],
    powerLevelForms: ['6', '10'],
    powerLevelTypesChecked: ['10'],
    notificationLevelsChecked: ['6'],
    creatorsHaveInfinitePower: ['12'],
    tombstoneAboveStateDefault: ['12'],
    trustedInvitees: ['12'],
    predecessorEventId: ['12'],
    inviteStateValidated: ['12'],
    impliedByVersionlessCalls: ['3'],
  };
  it.each(Object.entries(steps))('%s changes only in the versions that changed it', (feature, versions) => {
    expect(stepsOf(feature as keyof RoomVersion)).toEqual(versions);
  });

  it('keeps on redaction what each version added to the list', () => {
    const kept = (id: string, type: string) => roomVersions.get(id)?.redactionKeepsContent.get(type);
    expect(kept('5', 'm.room.aliases')).toEqual(['aliases']);
    expect(kept('6', 'm.room.aliases')).toBeUndefined();
    expect(kept('7', 'm.room.join_rules')).toEqual(['join_rule']);
    expect(kept('8', 'm.room.join_rules')).toEqual(['join_rule', 'allow']);
    expect(kept('9', 'm.room.member')).toEqual(['membership', 'join_authorised_via_users_server']);
    expect(kept('10', 'm.room.create')).toEqual(['creator']);
    expect(kept('11', 'm.room.create')).toBe('all');
    expect(kept('10', 'm.room.power_levels')).not.toContain('invite');
    expect(kept('11', 'm.room.power_levels')).toContain('invite');
    expect(kept('12', 'm.room.power_levels')).not.toContain('notifications');
    expect(kept('12', 'm.room.member')).toContainEqual(['third_party_invite', 'signed']);
    expect(kept('12', 'm.room.redaction')).toEqual(['redacts']);
    expect(kept('12', 'm.room.history_visibility')).toEqual(['history_visibility']);
    expect(kept('12', 'constructor')).toBeUndefined();
    expect(roomVersions.get('10')?.redactionKeeps).toContain('origin');
    expect(roomVersions.get('11')?.redactionKeeps).toHaveLength(12);
  });
});
