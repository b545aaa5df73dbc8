import { testGate } from './gate.ts';
import { s1 } from './scenarios/s1.ts';

testGate(s1, 1_800_000);
