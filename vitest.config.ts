import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts', 'tests/**/*.test.tsx'],
    environment: 'node',
    reporters: ['default', './tests/harness/closing-line.ts'],
    globalSetup: ['tests/harness/global-setup.ts'],
    // Tests start processes and load native modules: a process each, and two at a time on the smallest machine.
    pool: 'forks',
    execArgv: ['--disable-proto=throw'],
    maxWorkers: Math.max(2, Math.floor(availableParallelism() / 2)),
    // What ends too late is a failure on the slowest machine too, so nothing is said here about how fast anything is.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 150_000 } },
    // Node prints the warning about type stripping in every process otherwise.
    env: { NODE_NO_WARNINGS: '1' },
  },
});
