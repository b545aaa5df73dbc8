import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { refusePublicFile } from '../config-sources.ts';

/**
 * Reads a password from where no other user of the machine can see it: a private file, a terminal without echo, or else the
 * first line of standard input. Never from an argument, which every process list shows.
 *
 * @throws ConfigError when the file cannot be read, or can be read by everybody
 */
export async function readPassword(file: string | undefined): Promise<string> {
  if (file !== undefined) {
    await refusePublicFile(file);
    return firstLine(await readFile(file, 'utf8'));
  }
  const isTerminal = process.stdin.isTTY === true;
  if (isTerminal) process.stderr.write('Password: ');
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: isTerminal });
  try {
    for await (const line of lines) return line;
    return '';
  } finally {
    lines.close();
    if (isTerminal) process.stderr.write('\n');
  }
}

function firstLine(text: string): string {
  return text.split(/\r?\n/, 1)[0] ?? '';
}
