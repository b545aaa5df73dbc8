import { useLocation } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import type { Credentials } from '../../platform/credentials.ts';
import { SignInPage } from './SignInPage.tsx';

// Each is seen once, if at all.
const SetupPage = lazy(() => import('./SetupPage.tsx').then((module) => ({ default: module.SetupPage })));
const SignUpPage = lazy(() => import('./SignUpPage.tsx').then((module) => ({ default: module.SignUpPage })));

export interface AuthPagesProps {
  reason: 'signed-out-elsewhere' | 'expired' | undefined;
  previous: Credentials | undefined;
}

/** The pages before sign-in. Any other address asks to sign in and is opened afterwards. */
export function AuthPages({ reason, previous }: AuthPagesProps) {
  const { pathname, search } = useLocation();
  const token = 'token' in search ? search.token : undefined;
  if (pathname !== '/setup' && pathname !== '/sign-up') return <SignInPage reason={reason} previous={previous} />;
  return (
    <Suspense>
      {pathname === '/setup' ? <SetupPage token={token ?? ''} /> : <SignUpPage invitationToken={token} />}
    </Suspense>
  );
}
