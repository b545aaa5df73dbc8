import { createContext } from 'react';
import type { TimelineEvent } from '../../view-models/timeline.ts';

/** Asks whether a message is to be deleted, and deletes it if so. */
export const DeleteRequestContext = createContext<(event: TimelineEvent) => void>(() => undefined);
