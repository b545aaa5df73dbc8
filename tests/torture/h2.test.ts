import { testGate } from './gate.ts';
import { h2 } from './scenarios/h2.ts';

testGate(h2, 1_800_000);
