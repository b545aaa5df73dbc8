import { testGate } from './gate.ts';
import { h3 } from './scenarios/h3.ts';

testGate(h3, 1_800_000);
