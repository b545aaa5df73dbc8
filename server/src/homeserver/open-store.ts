import path from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Config } from '../config.ts';
import { type Database, openDatabase } from '../storage/database.ts';
import { startEmbeddedPostgres } from '../storage/embedded-postgres.ts';
import { bindServerName, checkServer, requireConnection } from '../storage/installation.ts';
import { migrate } from '../storage/migrate.ts';
import { reportOutages } from './report-outage.ts';

const POOL_SIZE = 20;

export interface Store {
  readonly db: Database;
  close(): Promise<void>;
}

/**
 * Opens `database_url`, or the embedded Postgres in the data folder, and brings its schema up to date.
 *
 * @throws OperatorError where whoever runs the server has to do something about it first
 */
export async function openStore(config: Config, logger: Logger, clock: Clock): Promise<Store> {
  logger.info(config.database_url === undefined ? 'Starting PostgreSQL' : 'Connecting to the database');
  const embedded =
    config.database_url === undefined
      ? await startEmbeddedPostgres({
          folder: path.join(config.data, 'postgres'),
          report: (message) => logger.warn(message),
        })
      : undefined;
  const db = openDatabase({
    connection: config.database_url ?? embedded?.url ?? '',
    poolSize: POOL_SIZE,
    outages: reportOutages(logger, clock),
  });
  const close = async () => {
    await db.close();
    await embedded?.stop();
  };
  try {
    await requireConnection(db);
    await checkServer(db);
    await migrate(db);
    await bindServerName(db, config.server_name);
  } catch (error) {
    await close();
    throw error;
  }
  return { db, close };
}
