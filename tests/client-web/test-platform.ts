import { createMemoryStore, type KeyValueStore } from '../../client-web/src/platform/key-value-store.ts';
import type { Platform } from '../../client-web/src/platform/platform.ts';
import type { Observable } from '../../client-web/src/view-models/view-model.ts';

export interface TestPlatform extends Platform {
  /** What was shown as desktop notifications, newest last. */
  readonly shown: { title: string; body: string; tag: string }[];
  /** Whether the browser would ask whoever leaves the page now. */
  isAskingBeforeLeaving(): boolean;
}

/** A browser without windows: everything is forgotten at the end, notifications are collected. */
export function createTestPlatform(origin: string, storage: KeyValueStore = createMemoryStore()): TestPlatform {
  const shown: TestPlatform['shown'] = [];
  const asking = new Set<object>();
  const askBeforeLeaving = () => {
    const question = {};
    asking.add(question);
    return () => void asking.delete(question);
  };
  return {
    now: () => Date.now(),
    storage,
    indexedDB: undefined,
    createStoreWorker: undefined,
    notifications: {
      permission: () => 'granted',
      ask: async () => 'granted',
      show: ({ title, body, tag }) => void shown.push({ title, body, tag }),
      close: () => {},
    },
    network: { isOnline: () => true, onChange: () => () => {} },
    page: { pause: async () => {}, drawn: async () => {}, askBeforeLeaving, onHide: () => () => {} },
    origin,
    shown,
    isAskingBeforeLeaving: () => asking.size > 0,
  };
}

/** Resolves with the first state that fits; rejects after a minute and says what the state was then. */
export function until<State>(viewModel: Observable<State>, fits: (state: State) => boolean): Promise<State> {
  return new Promise((resolve, reject) => {
    const finish = () => {
      clearTimeout(timer);
      unsubscribe();
    };
    const check = () => {
      const state = viewModel.getState();
      if (!fits(state)) return;
      finish();
      resolve(state);
    };
    const timer = setTimeout(() => {
      finish();
      reject(
        new Error(`Waited in vain. The last state: ${JSON.stringify(viewModel.getState(), null, 1).slice(0, 4000)}`),
      );
    }, 60_000);
    const unsubscribe = viewModel.subscribe(check);
    check();
  });
}
