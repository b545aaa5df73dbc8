import { testGate } from './gate.ts';
import { h9 } from './scenarios/h9.ts';

testGate(h9, 1_800_000);
