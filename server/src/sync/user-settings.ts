import { createHash } from 'node:crypto';
import type { UserId } from '../protocol/event.ts';
import { type CompiledPushRules, compilePushRules } from '../protocol/push-rule-evaluation.ts';
import type { SyncParts } from './sync-parts.ts';

/** What a user has chosen that decides over what a sync shows and counts. */
export interface UserSettings {
  readonly ignored: ReadonlySet<string>;
  readonly rules: CompiledPushRules;
  /** Stands for all of them: other settings have another one. */
  readonly key: string;
}

/** The settings as of a position of the log, or later. */
export async function settingsOf(parts: SyncParts, userId: UserId, until: number): Promise<UserSettings> {
  const { settings } = parts.memory;
  const known = settings.get(userId, until);
  return (
    known ??
    (await settings.read(
      userId,
      () => load(parts, userId),
      (loaded) => loaded,
    ))
  );
}

async function load(parts: SyncParts, userId: UserId): Promise<UserSettings> {
  const [ignored, rules] = await Promise.all([parts.ignoredUsers(userId), parts.pushRules(userId)]);
  const basis = JSON.stringify([rules, [...ignored].sort()]);
  const key = createHash('sha256').update(basis).digest('base64url');
  return { ignored, rules: compilePushRules(rules, userId), key };
}
