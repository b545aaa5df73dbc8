import { systemClock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Config } from '../config.ts';
import { type Finding, verifyDatabase } from '../rooms/verify-database.ts';
import { openStore } from './open-store.ts';

/** Opens the database of a configuration and checks it; the embedded one is started and stopped for it. */
export async function verifyStore(
  config: Config,
  logger: Logger,
  report: (events: number) => void,
): Promise<readonly Finding[]> {
  const { db, close } = await openStore(config, logger, systemClock);
  try {
    return await verifyDatabase(db, report);
  } finally {
    await close();
  }
}
