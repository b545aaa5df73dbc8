import { systemClock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Config } from '../config.ts';
import { type Finding, verifyDatabase } from '../rooms/verify-database.ts';
import { openIdBlocks } from '../storage/id-blocks.ts';
import { openRooms } from '../storage/rooms.ts';
import { openStateKeys } from '../storage/state-keys.ts';
import { openStateSnapshots } from '../storage/state-snapshots.ts';
import { openStore } from './open-store.ts';

/** Opens the database of a configuration and checks it; the embedded one is started and stopped for it. */
export async function verifyStore(
  config: Config,
  logger: Logger,
  report: (events: number) => void,
): Promise<readonly Finding[]> {
  const { db, close } = await openStore(config, logger, systemClock);
  try {
    return await verifyDatabase(
      {
        db,
        rooms: openRooms(db),
        stateKeys: openStateKeys(db),
        snapshots: openStateSnapshots(db, openIdBlocks(db, 'state_snapshot_ids', 64)),
      },
      report,
    );
  } finally {
    await close();
  }
}
