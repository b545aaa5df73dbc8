import { testGate } from './gate.ts';
import { h4 } from './scenarios/h4.ts';

testGate(h4, 120_000);
