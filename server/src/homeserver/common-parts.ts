import type { Clock } from '../base/clock.ts';
import type { Config } from '../config.ts';
import type { RateLimits } from '../http/rate-limits.ts';
import type { Database } from '../storage/database.ts';

/** What every part is built from. */
export interface CommonParts {
  readonly config: Config;
  readonly db: Database;
  readonly clock: Clock;
  readonly rateLimits: RateLimits;
  /** Where failures of background work go. */
  readonly onError: (error: unknown) => void;
}
