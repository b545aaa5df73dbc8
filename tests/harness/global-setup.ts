import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { openDatabase } from '../../server/src/storage/database.ts';
import { startEmbeddedPostgres } from '../../server/src/storage/embedded-postgres.ts';
import { migrate } from '../../server/src/storage/migrate.ts';
import { databaseUrl, TEMPLATE } from './database-url.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Connection string of the embedded Postgres that this run of the tests shares. */
    readonly postgresUrl: string;
    /** Folder of the certificate authority that all test servers share, so that they trust each other. */
    readonly developmentCa: string;
  }
}

/** Starts one Postgres for the whole run and migrates the database that every test file's own is cloned from. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(path.join(tmpdir(), 'parley-tests-'));
  // Postgres runs as another user when the tests run as root.
  await chmod(folder, 0o711);
  const postgres = await startEmbeddedPostgres({
    folder: path.join(folder, 'postgres'),
    report: (message) => console.error(message),
  });
  const stop = async () => {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const server = openDatabase({ connection: postgres.url, poolSize: 1 });
    await server.query(`CREATE DATABASE ${TEMPLATE}`);
    await server.close();
    const template = openDatabase({ connection: databaseUrl(postgres.url, TEMPLATE), poolSize: 1 });
    await migrate(template);
    await template.close();
  } catch (error) {
    await stop();
    throw error;
  }
  project.provide('postgresUrl', postgres.url);
  project.provide('developmentCa', path.join(folder, 'development-ca'));
  return stop;
}
