import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

/** What a process prints that logs as `script` says. */
function output(format: 'text' | 'json', script: string): string {
  const module = new URL('../../server/src/base/logger.ts', import.meta.url).href;
  const code = `import { createLogger } from ${JSON.stringify(module)};
    const logger = createLogger({ level: 'info', format: '${format}' });
    ${script}`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }).stdout;
}

test('lines for people hold time, level, message and values, and the stack of an error below', () => {
  const lines = output(
    'text',
    `logger.warn({ roomId: '!a', count: 2, err: new Error('broken') }, 'it happened')`,
  ).split('\n');
  expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} warn {2}it happened roomId=!a count=2$/);
  expect(lines[1]).toBe('Error: broken');
  expect(lines[2]).toMatch(/^ {4}at /);
});

test('lines for machines are JSON', () => {
  const line = JSON.parse(output('json', `logger.child({ part: 'sync' }).info('ready')`));
  expect(line).toMatchObject({ level: 30, part: 'sync', msg: 'ready' });
});

test('less severe messages than the level are left out', () => {
  expect(output('text', `logger.debug('details')`)).toBe('');
});

test('fields with the name of a secret are blanked, also further inside', () => {
  const text = output(
    'json',
    `logger.info({ password: 'canary', body: { access_token: 'canary', deep: { mac: 'canary' } } }, 'request')`,
  );
  expect(text).not.toContain('canary');
  expect(text).toContain('[secret]');
});
