import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';

/** Resident memory of one process, without its children, in MiB. */
export async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => undefined);
  const kib =
    status === undefined
      ? execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })
      : (/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? '0');
  return Number(kib) / 1024;
}
