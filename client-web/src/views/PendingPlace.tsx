import { createContext, type ReactNode, use } from 'react';

/** What stands where a place will be, while the place itself is not there yet. Given by the frame around it. */
export const PendingPlaceContext = createContext<ReactNode>(null);

export function PendingPlace() {
  return use(PendingPlaceContext);
}
