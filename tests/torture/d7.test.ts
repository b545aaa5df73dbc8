import { testGate } from './gate.ts';
import { d7 } from './scenarios/d7.ts';

testGate(d7, 1_800_000);
