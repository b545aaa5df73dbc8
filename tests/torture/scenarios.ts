import type { Scenario } from './scenario.ts';
import { d1 } from './scenarios/d1.ts';
import { d2 } from './scenarios/d2.ts';
import { d7 } from './scenarios/d7.ts';
import { d10 } from './scenarios/d10.ts';
import { h1 } from './scenarios/h1.ts';
import { h2 } from './scenarios/h2.ts';
import { h3 } from './scenarios/h3.ts';
import { h4 } from './scenarios/h4.ts';
import { h5 } from './scenarios/h5.ts';
import { h6 } from './scenarios/h6.ts';
import { h9 } from './scenarios/h9.ts';
import { s1 } from './scenarios/s1.ts';

/** Everything that `npm run torture` can run. */
export const scenarios: readonly Scenario[] = [d1, d2, d7, d10, h1, h2, h3, h4, h5, h6, h9, s1];
