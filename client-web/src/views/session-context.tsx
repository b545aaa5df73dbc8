import { createContext, use } from 'react';
import type { SignedIn } from '../view-models/app.ts';
import type { SessionFrame } from '../view-models/session-frame.ts';
import type { SessionViewModel } from '../view-models/session-view-model.ts';

export const SessionContext = createContext<SignedIn | undefined>(undefined);

function useSignedIn(): SignedIn {
  const signedIn = use(SessionContext);
  if (!signedIn) throw new Error('used outside a signed-in shell');
  return signedIn;
}

/** What is there from the first moment: the rooms, settings, pictures. Only below the shell. */
export function useFrame(): SessionFrame {
  return useSignedIn().frame;
}

/**
 * The view model of the signed-in user. Only below the shell. A component that asks for it is not drawn before the session
 * is there: it needs a `Suspense` above it.
 */
export function useSession(): SessionViewModel {
  const { session, opening } = useSignedIn();
  return session ?? use(opening);
}
