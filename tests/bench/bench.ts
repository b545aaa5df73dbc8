import type { ServerProcess } from '../torture/server-process.ts';

/** A server under measurement. */
export interface Bench {
  readonly server: ServerProcess;
  readonly databaseUrl: string;
  /** Where the server keeps its files. */
  readonly folder: string;
  readonly databasePid: number;
  /** How long each speed is measured, in milliseconds. */
  readonly ms: number;
  readonly say: (line: string) => void;
}
