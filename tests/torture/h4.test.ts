import { testGate } from './gate.ts';
import { h4 } from './scenarios/h4.ts';

testGate(h4, 1_800_000);
