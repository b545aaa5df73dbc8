import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The specification lies beside the repository where it is developed; it is not part of it. Undefined where it is missing. */
export const SPECIFICATION: string | undefined = [process.env.MATRIX_SPEC, '../shared/spec', '../../shared/spec']
  .filter((folder) => folder !== undefined)
  .map((folder) => path.resolve(fileURLToPath(new URL('../..', import.meta.url)), folder))
  .find((folder) => existsSync(path.join(folder, 'endpoints-client.tsv')));

/** One row of the specification's endpoint lists. */
export interface Operation {
  /** Folder of its OpenAPI description. */
  readonly api: 'client-server' | 'server-server';
  /** File of the OpenAPI description. */
  readonly module: string;
  readonly method: string;
  readonly path: string;
  /** `PUT /_matrix/client/v3/…/{param}`. */
  readonly endpoint: string;
  readonly auth: string;
  readonly isDeprecated: boolean;
}

export function readOperations(file: 'endpoints-client.tsv' | 'endpoints-federation.tsv'): Operation[] {
  const rows = readFileSync(path.join(SPECIFICATION ?? '', file), 'utf8')
    .trimEnd()
    .split('\n');
  const names = rows[0]?.split('\t') ?? [];
  return rows.slice(1).map((row) => {
    const cells = new Map(row.split('\t').map((cell, index) => [names[index], cell]));
    const method = cells.get('method') ?? '';
    const url = cells.get('path')?.trim() ?? '';
    return {
      api: file === 'endpoints-client.tsv' ? 'client-server' : 'server-server',
      module: cells.get('module') ?? '',
      method,
      path: url,
      endpoint: `${method} ${url}`,
      auth: cells.get('auth') ?? '',
      isDeprecated: cells.get('deprecated') === 'y',
    };
  });
}
