import { createContext, useContext } from 'react';
import type { TimelineViewModel } from '../../view-models/timeline.ts';

export const TimelineContext = createContext<TimelineViewModel | undefined>(undefined);

/** The timeline that the component is a part of. */
export function useTimelineViewModel(): TimelineViewModel {
  const viewModel = useContext(TimelineContext);
  if (!viewModel) throw new Error('useTimelineViewModel is used outside a timeline');
  return viewModel;
}
