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

/** The kernel counts in hundredths of a second, on every Linux that Node runs on. */
const TICK_MS = 10;

/** CPU time that one process has used so far, in milliseconds; undefined where the system does not tell. */
export async function cpuMs(pid: number): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
