import { type ComponentType, createContext, use } from 'react';
import type { SignedIn } from '../view-models/app.ts';

/** What is drawn for a signed-in user. Given from above, because it is fetched before the first drawing or after it. */
export const ShellContext = createContext<ComponentType<{ app: SignedIn }> | undefined>(undefined);

export function useShell(): ComponentType<{ app: SignedIn }> {
  const Shell = use(ShellContext);
  if (!Shell) throw new Error('useShell is used outside the app');
  return Shell;
}
