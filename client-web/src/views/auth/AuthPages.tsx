import { useLocation } from '@tanstack/react-router';
import type { Credentials } from '../../platform/credentials.ts';
import { SetupPage } from './SetupPage.tsx';
import { SignInPage } from './SignInPage.tsx';
import { SignUpPage } from './SignUpPage.tsx';

export interface AuthPagesProps {
  reason: 'signed-out-elsewhere' | 'expired' | undefined;
  previous: Credentials | undefined;
}

/** The pages before sign-in. Any other address asks to sign in and is opened afterwards. */
export function AuthPages({ reason, previous }: AuthPagesProps) {
  const { pathname, search } = useLocation();
  const token = 'token' in search ? search.token : undefined;
  if (pathname === '/setup') return <SetupPage token={token ?? ''} />;
  if (pathname === '/sign-up') return <SignUpPage invitationToken={token} />;
  return <SignInPage reason={reason} previous={previous} />;
}
