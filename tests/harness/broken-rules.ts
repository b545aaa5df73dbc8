import { type Finding, verifyDatabase } from '../../server/src/rooms/verify-database.ts';
import { openDatabase } from '../../server/src/storage/database.ts';
import type { TestHomeserver } from './homeserver.ts';

/** What `verify-db` says of a database. */
export interface Verification {
  /** Rules that do not hold: none, if all is well. */
  readonly broken: readonly Finding[];
  readonly violations: number;
  /** Events that were looked at. */
  readonly events: number;
}

/** Checks the database of a homeserver against itself. */
export async function verifyDatabaseOf(databaseUrl: string): Promise<Verification> {
  const db = openDatabase({ connection: databaseUrl, poolSize: 1 });
  let events = 0;
  try {
    const findings = await verifyDatabase(db, (seen) => {
      events = seen;
    });
    const broken = findings.filter((finding) => finding.violations > 0);
    return { broken, violations: broken.reduce((sum, finding) => sum + finding.violations, 0), events };
  } finally {
    await db.close();
  }
}

/** The rules that the database of a homeserver breaks: none, if all is well. */
export async function brokenRules(server: Pick<TestHomeserver, 'databaseUrl'>): Promise<readonly Finding[]> {
  return (await verifyDatabaseOf(server.databaseUrl)).broken;
}
