import { testGate } from './gate.ts';
import { h6 } from './scenarios/h6.ts';

testGate(h6, 1_800_000);
