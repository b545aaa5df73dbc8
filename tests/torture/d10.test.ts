import { testGate } from './gate.ts';
import { d10 } from './scenarios/d10.ts';

testGate(d10, 1_800_000);
