import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { describeDevice } from '../../platform/device-name.ts';
import { type SignInState, SignInViewModel } from '../../view-models/auth/sign-in.ts';
import { useApp } from '../app-context.tsx';
import { type Translate, useT } from '../i18n.tsx';
import { Banner } from '../ui/Banner.tsx';
import { Button } from '../ui/Button.tsx';
import { ProblemBanner } from '../ui/ProblemBanner.tsx';
import { TextField } from '../ui/TextField.tsx';
import { useOwnedViewModel, useViewModel } from '../ui/use-view-model.ts';
import { AuthForm } from './AuthForm.tsx';
import { AuthLayout } from './AuthLayout.tsx';
import type { AuthPagesProps } from './AuthPages.tsx';
import { PasswordField } from './PasswordField.tsx';

export function SignInPage({ reason, previous }: AuthPagesProps) {
  const t = useT('auth');
  const app = useApp();
  const viewModel = useOwnedViewModel(
    () =>
      new SignInViewModel({
        baseUrl: previous?.baseUrl ?? app.platform.origin,
        deviceName: describeDevice(navigator.userAgent),
        previous,
        onSignedIn: (credentials) => app.signedIn(credentials),
      }),
    [app, previous],
  );
  const state = useViewModel(viewModel);
  const [username, setUsername] = useState(previous?.userId ?? '');
  const [password, setPassword] = useState('');
  const [wasSubmitted, setSubmitted] = useState(false);

  const submit = () => {
    setSubmitted(true);
    if (username.trim() !== '' && password !== '') void viewModel.signIn(username, password);
  };

  return (
    <AuthLayout
      title={previous ? t('signInAgain') : t('signIn')}
      subtitle={previous ? undefined : t('signInSubtitle', { server: window.location.host })}
      footer={
        !previous && (
          <>
            {t('noAccount')} <Link to="/sign-up">{t('createAccount')}</Link>
          </>
        )
      }
    >
      {reason && <Banner tone="warning">{t(reason === 'expired' ? 'expired' : 'signedOutElsewhere')}</Banner>}
      {state.passwordOffered === false && <Banner tone="warning">{t('noPasswordLogin')}</Banner>}
      <ProblemBanner
        problem={state.problem}
        {...(state.passwordOffered === undefined ? { onRetry: () => void viewModel.loadFlows() } : {})}
      />
      <AuthForm onSubmit={submit}>
        <TextField
          label={t('username')}
          value={username}
          onChange={setUsername}
          isReadOnly={previous !== undefined}
          autoComplete="username"
          error={wasSubmitted && username.trim() === '' ? t('enterUsername') : undefined}
          isIdentifier
          autoFocus={!previous}
        />
        <PasswordField
          label={t('password')}
          value={password}
          onChange={setPassword}
          autoComplete="current-password"
          autoFocus={previous !== undefined}
          error={passwordError(state, wasSubmitted && password === '', t)}
        />
        <Button type="submit" variant="primary" size="l" isBlock isPending={state.pending}>
          {t('signIn')}
        </Button>
      </AuthForm>
    </AuthLayout>
  );
}

function passwordError(state: SignInState, isMissing: boolean, t: Translate): string | undefined {
  if (isMissing) return t('enterPassword');
  if (state.wrongPassword) return t('wrongPassword');
  return state.deactivated ? t('deactivated') : undefined;
}
