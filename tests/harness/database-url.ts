/** The migrated database that test databases are cloned from. */
export const TEMPLATE = 'parley_template';

/** The same server, another database. */
export function databaseUrl(url: string, name: string): string {
  return url.replace(/^postgresql:\/\/\/[^?]*/, `postgresql:///${name}`);
}
