import type { Clock } from '../base/clock.ts';
import type { Config } from '../config.ts';
import { createRateLimits, noRateLimits, type RateLimits } from '../http/rate-limits.ts';
import type { Database } from '../storage/database.ts';
import { addSpent, forgetFullBuckets, giveTokenBack, takeToken } from '../storage/rate-limits.ts';

export function openRateLimits(
  config: Config,
  db: Database,
  clock: Clock,
  onError: (error: unknown) => void,
): RateLimits {
  const { mode, ...classes } = config.rate_limits;
  if (mode === 'off') return noRateLimits;
  const size = ({ burst, per_second: perSecond }: { burst: number; per_second: number }) => ({ burst, perSecond });
  return createRateLimits({
    sizes: {
      login: size(classes.login),
      registration: size(classes.registration),
      message: size(classes.message),
      join: size(classes.join),
      invite: size(classes.invite),
      media: size(classes.media),
      read: size(classes.read),
      federation: size(classes.federation),
    },
    clock,
    onError,
    shared: {
      takeToken: (...bucket) => takeToken(db, ...bucket),
      giveTokenBack: (...bucket) => giveTokenBack(db, ...bucket),
      addSpent: (...args) => addSpent(db, ...args),
      forgetFullBuckets: () => forgetFullBuckets(db),
    },
  });
}
