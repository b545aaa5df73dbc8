import { afterAll, onTestFinished, TestRunner } from 'vitest';

/** Runs `work` when the running test is done, or all of the file or `describe` where it is called outside tests. */
export function atEnd(work: () => Promise<void>): void {
  if (TestRunner.getCurrentTest() === undefined) afterAll(work);
  else onTestFinished(work);
}
