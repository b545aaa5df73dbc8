import { type Problem, toProblem } from './problem.ts';
import { ViewModel } from './view-model.ts';

export interface TaskState {
  /** Something was asked of the server and has not been answered. */
  pending: boolean;
  /** Why the last attempt did not work. */
  problem: Problem | undefined;
}

/** The base of view models behind forms and actions: one attempt at a time, and what came of it. */
export abstract class TaskViewModel<State extends TaskState> extends ViewModel<State> {
  /** Runs an action unless one is running. Undefined when it failed or did not run; the state says why it failed. */
  protected async attempt<T>(action: () => Promise<T>): Promise<T | undefined> {
    if (this.getState().pending) return undefined;
    this.set({ pending: true, problem: undefined } as Partial<State>);
    try {
      return await action();
    } catch (error) {
      const problem = this.describe(error);
      // Whatever it is, it is not an answer that was foreseen: leave a trace for whoever looks into it.
      if (problem?.code === 'unexpected') console.error(error);
      this.set({ problem } as Partial<State>);
      return undefined;
    } finally {
      this.set({ pending: false } as Partial<State>);
    }
  }

  /** For those that can say more about an error than the general words. */
  protected describe(error: unknown): Problem | undefined {
    return toProblem(error);
  }
}
