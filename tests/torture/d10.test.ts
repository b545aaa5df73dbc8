import { testGate } from './gate.ts';
import { d10 } from './scenarios/d10.ts';

testGate(d10, 900_000);
