import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import type { Observable, ViewModel } from '../../view-models/view-model.ts';

/** The view model's current state; the component is drawn again when it changes. */
export function useViewModel<State>(viewModel: Observable<State>): State {
  return useSyncExternalStore(viewModel.subscribe, viewModel.getState);
}

/** One value of the view model's state; the component is drawn again only when that changes. `select` must not make new objects. */
export function useSelected<State, Value>(viewModel: Observable<State>, select: (state: State) => Value): Value {
  return useSyncExternalStore(viewModel.subscribe, () => select(viewModel.getState()));
}

/**
 * A view model that lives as long as the component and as `dependencies` stay the same.
 * It is made while drawing, so that the first picture is already complete, and let go of afterwards.
 */
export function useOwnedViewModel<VM extends ViewModel<object>>(
  create: () => VM,
  dependencies: readonly unknown[],
): VM {
  // biome-ignore lint/correctness/useExhaustiveDependencies: the caller names what the view model depends on
  const viewModel = useMemo(create, dependencies);
  const pendingDispose = useRef(new Map<VM, ReturnType<typeof setTimeout>>());
  useEffect(() => {
    const pending = pendingDispose.current;
    clearTimeout(pending.get(viewModel));
    pending.delete(viewModel);
    // Strict mode unmounts and mounts again at once: only a view model that stays unmounted is let go of.
    return () => {
      pending.set(
        viewModel,
        setTimeout(() => {
          pending.delete(viewModel);
          viewModel.dispose();
        }, 0),
      );
    };
  }, [viewModel]);
  return viewModel;
}
