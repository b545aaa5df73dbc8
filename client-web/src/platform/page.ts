/** What the page as a whole tells and lets one do. */
export interface Page {
  /** Lets everything else that waits have its turn: input, drawing. To be awaited between the parts of long work. */
  pause(): Promise<void>;
  /** Lets what has changed be drawn. To be awaited before work that nobody sees. */
  drawn(): Promise<void>;
  /** Lets the browser ask whoever leaves the page whether they mean it. Returns the function that ends it. */
  askBeforeLeaving(): () => void;
  /** Calls back when the page may be about to end: nothing later is sure. Returns the function that ends it. */
  onHide(listener: () => void): () => void;
}

const LONGEST_FRAME_MS = 250;

interface Scheduler {
  postTask(task: () => void, options: { priority: 'background' }): Promise<void>;
}

export function createPage(window: Window & { readonly scheduler?: Scheduler }): Page {
  return {
    async pause() {
      // Nobody waits for a page in the background, and it may be given timers only once a second.
      if (window.document.hidden) return;
      if (window.scheduler) await window.scheduler.postTask(() => {}, { priority: 'background' });
      else await new Promise((resolve) => setTimeout(resolve, 0));
    },
    async drawn() {
      if (window.document.hidden) return;
      await new Promise<void>((resolve) => {
        // Where no frame comes, because the window is covered, say.
        const timer = setTimeout(resolve, LONGEST_FRAME_MS);
        window.requestAnimationFrame(() => {
          clearTimeout(timer);
          // The drawing follows.
          setTimeout(resolve, 0);
        });
      });
    },
    askBeforeLeaving() {
      const ask = (event: BeforeUnloadEvent) => event.preventDefault();
      window.addEventListener('beforeunload', ask);
      return () => window.removeEventListener('beforeunload', ask);
    },
    onHide(listener) {
      const onChange = () => window.document.visibilityState === 'hidden' && listener();
      window.document.addEventListener('visibilitychange', onChange);
      window.addEventListener('pagehide', listener);
      return () => {
        window.document.removeEventListener('visibilitychange', onChange);
        window.removeEventListener('pagehide', listener);
      };
    },
  };
}
