import type { Scenario } from './scenario.ts';
import { s1 } from './scenarios/s1.ts';

/** Everything that `npm run torture` can run. */
export const scenarios: readonly Scenario[] = [s1];
