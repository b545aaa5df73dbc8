import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { isDatabaseOutage, type OutageListener } from '../storage/database.ts';

const REPEAT_MS = 60_000;

/** Reports an outage of the database: one line when it begins, one a minute while it lasts, one when it is over. */
export function reportOutages(logger: Logger, clock: Clock): OutageListener {
  let since = 0;
  let repeated: NodeJS.Timeout | undefined;
  const seconds = () => Math.round((clock.monotonic() - since) / 1000);
  return {
    began(error) {
      since = clock.monotonic();
      logger.error(
        { reason: error.message },
        'The database cannot be reached; requests are answered with 503 until it is',
      );
      repeated = setInterval(
        () => logger.error({ seconds: seconds() }, 'The database still cannot be reached'),
        REPEAT_MS,
      );
      repeated.unref();
    },
    ended() {
      clearInterval(repeated);
      logger.warn({ seconds: seconds() }, 'The database can be reached again');
    },
  };
}

/** A logger to which errors that only say that the database is away are details: `reportOutages` tells of them once. */
export function withoutOutages(logger: Logger): Logger {
  return {
    debug: logger.debug.bind(logger),
    info: logger.info.bind(logger),
    warn: logger.warn.bind(logger),
    fatal: logger.fatal.bind(logger),
    child: (values) => withoutOutages(logger.child(values)),
    error(first: object | string, message?: string) {
      if (typeof first === 'string') logger.error(first);
      else if ('err' in first && isDatabaseOutage(first.err)) logger.debug(first, message ?? '');
      else logger.error(first, message ?? '');
    },
  };
}
