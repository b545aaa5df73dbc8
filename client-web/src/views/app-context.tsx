import { createContext, useContext } from 'react';
import type { AppViewModel } from '../view-models/app.ts';

export const AppContext = createContext<AppViewModel | undefined>(undefined);

export function useApp(): AppViewModel {
  const app = useContext(AppContext);
  if (!app) throw new Error('useApp is used outside the app');
  return app;
}
