import { createContext, useContext } from 'react';
import type { SessionViewModel } from '../view-models/session-view-model.ts';

export const SessionContext = createContext<SessionViewModel | undefined>(undefined);

/** The view model of the signed-in user. Only below the shell. */
export function useSession(): SessionViewModel {
  const session = useContext(SessionContext);
  if (!session) throw new Error('useSession is used outside a signed-in shell');
  return session;
}
