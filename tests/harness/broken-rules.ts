import { type Finding, verifyDatabase } from '../../server/src/rooms/verify-database.ts';
import { openDatabase } from '../../server/src/storage/database.ts';
import { openIdBlocks } from '../../server/src/storage/id-blocks.ts';
import { openRooms } from '../../server/src/storage/rooms.ts';
import { openStateKeys } from '../../server/src/storage/state-keys.ts';
import { openStateSnapshots } from '../../server/src/storage/state-snapshots.ts';
import type { TestHomeserver } from './homeserver.ts';

/** Checks the database of a homeserver against itself. Answers the rules that do not hold: none, if all is well. */
export async function brokenRules(server: Pick<TestHomeserver, 'databaseUrl'>): Promise<Finding[]> {
  const db = openDatabase({ connection: server.databaseUrl, poolSize: 2 });
  try {
    const parts = {
      db,
      rooms: openRooms(db),
      stateKeys: openStateKeys(db),
      snapshots: openStateSnapshots(db, openIdBlocks(db, 'state_snapshot_ids', 64)),
    };
    return (await verifyDatabase(parts, () => {})).filter((finding) => finding.violations > 0);
  } finally {
    await db.close();
  }
}
