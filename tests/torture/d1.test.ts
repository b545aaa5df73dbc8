import { testGate } from './gate.ts';
import { d1 } from './scenarios/d1.ts';

testGate(d1, 1_800_000);
