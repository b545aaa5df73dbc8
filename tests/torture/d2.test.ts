import { test } from 'vitest';
import { canFindChildren } from './embedded-database.ts';
import { testGate } from './gate.ts';
import { d2 } from './scenarios/d2.ts';

if (canFindChildren) testGate(d2, 1_800_000);
else test.skip('D2: the processes of Postgres can only be found on Linux', () => {});
