import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** The embedded Postgres of a server process, as its own files describe it. */
export interface EmbeddedDatabase {
  readonly pid: number;
  readonly url: string;
}

/** @param data the server's data folder */
export async function findEmbeddedDatabase(data: string): Promise<EmbeddedDatabase> {
  const lines = (await readFile(path.join(data, 'postgres/cluster/postmaster.pid'), 'utf8')).split('\n');
  const [pid, , , , socketFolder = ''] = lines;
  return { pid: Number(pid), url: `postgresql:///parley?user=parley&host=${encodeURIComponent(socketFolder)}` };
}

/** Whether this system tells which processes are whose children, in the way that is read here. */
export const canFindChildren = process.platform === 'linux';

async function childrenOf(parent: number): Promise<number[]> {
  const children: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    // The process may have ended since it was listed.
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    // The name in brackets may hold anything; the parent is the second field after it.
    const [, ppid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (Number(ppid) === parent) children.push(Number(name));
  }
  return children;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Ends the postmaster and every one of its processes with SIGKILL. */
export async function killDatabase(data: string): Promise<void> {
  const { pid } = await findEmbeddedDatabase(data);
  const all = [pid, ...(await childrenOf(pid))];
  for (const each of all) if (isAlive(each)) process.kill(each, 'SIGKILL');
}

/** Ends a Postgres whose server was killed and will not come back. Nothing happens when there is none. */
export async function stopLeftBehindDatabase(data: string): Promise<void> {
  const left = await findEmbeddedDatabase(data).catch(() => undefined);
  if (left === undefined || !isAlive(left.pid)) return;
  process.kill(left.pid, 'SIGINT');
  while (isAlive(left.pid)) await delay(20);
}
