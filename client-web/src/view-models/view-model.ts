/** Something with a current state and a way to hear of changes. `getState` returns the same object until it changes. */
export interface Observable<State> {
  getState(): State;
  /** Returns the function that ends the subscription. */
  subscribe(listener: () => void): () => void;
}

/**
 * The base of all view models: one immutable state object, listeners, and things to let go of at the end.
 * It knows neither React nor the DOM.
 */
export abstract class ViewModel<State extends object> implements Observable<State> {
  #state: State;
  #disposed = false;
  readonly #listeners = new Set<() => void>();
  readonly #owned: (() => void)[] = [];

  protected constructor(initial: State) {
    this.#state = initial;
  }

  // Bound, so that React can be given the functions themselves.
  readonly getState = (): State => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  get disposed(): boolean {
    return this.#disposed;
  }

  /** Lets go of everything this view model listens to. After that its state no longer changes. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const release of this.#owned.splice(0).reverse()) release();
    this.#listeners.clear();
  }

  /** Replaces the given parts of the state. Listeners hear of it only if a value is another one than before. */
  protected set(patch: Partial<State>): void {
    if (this.#disposed) return;
    const keys = Object.keys(patch) as (keyof State)[];
    if (keys.every((key) => Object.is(this.#state[key], patch[key]))) return;
    this.#state = { ...this.#state, ...patch };
    for (const listener of [...this.#listeners]) listener();
  }

  /** Runs `release` at dispose, last registered first; at once if that has already happened. */
  protected own(release: () => void): void {
    if (this.#disposed) release();
    else this.#owned.push(release);
  }
}
