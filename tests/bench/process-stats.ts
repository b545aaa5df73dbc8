import { execFileSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';

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

interface ProcessStat {
  readonly parent: number;
  /** CPU time of the process itself, in milliseconds. */
  readonly ownMs: number;
  /** CPU time of those of its children that have ended. */
  readonly endedChildrenMs: number;
}

async function processStat(pid: number | string): Promise<ProcessStat | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return undefined;
  // The name in brackets may hold anything.
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [parent = 0, user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = [1, 11, 12, 13, 14].map(
    (index) => fields[index] ?? 0,
  );
  return { parent, ownMs: (user + system) * TICK_MS, endedChildrenMs: (childrenUser + childrenSystem) * TICK_MS };
}

/** CPU time that one process has used so far, in milliseconds; undefined where the system does not tell. */
export async function cpuMs(pid: number): Promise<number | undefined> {
  return (await processStat(pid))?.ownMs;
}

/** The same for a process and all the children that it ever had. */
export async function familyCpuMs(pid: number): Promise<number | undefined> {
  const parent = await processStat(pid);
  if (parent === undefined) return undefined;
  let sum = parent.ownMs + parent.endedChildrenMs;
  for (const name of await readdir('/proc')) {
    const stat = /^\d+$/.test(name) ? await processStat(name) : undefined;
    if (stat?.parent === pid) sum += stat.ownMs;
  }
  return sum;
}
