import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { describeDevice } from '../../platform/device-name.ts';
import { SetupViewModel } from '../../view-models/auth/setup.ts';
import { useApp } from '../app-context.tsx';
import { useT } from '../i18n.tsx';
import { Banner } from '../ui/Banner.tsx';
import { Button } from '../ui/Button.tsx';
import { ProblemBanner } from '../ui/ProblemBanner.tsx';
import { TextField } from '../ui/TextField.tsx';
import { useOwnedViewModel, useViewModel } from '../ui/use-view-model.ts';
import { AuthForm } from './AuthForm.tsx';
import { AuthLayout } from './AuthLayout.tsx';
import { PasswordField } from './PasswordField.tsx';
import { minimumPasswordLength, passwordProblem } from './password-rules.ts';

/** The first page of a new server: its first administrator. */
export function SetupPage({ token }: { token: string }) {
  const t = useT('auth');
  const app = useApp();
  const viewModel = useOwnedViewModel(
    () =>
      new SetupViewModel({
        baseUrl: app.platform.origin,
        token,
        deviceName: describeDevice(navigator.userAgent),
        onSignedIn: (credentials) => app.signedIn(credentials),
      }),
    [app, token],
  );
  const state = useViewModel(viewModel);
  const [displayName, setDisplayName] = useState('');
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [wasSubmitted, setSubmitted] = useState(false);

  const submit = () => {
    setSubmitted(true);
    if (username === '' || passwordProblem(password)) return;
    void viewModel.create({ username, password, displayName: displayName.trim() });
  };
  const isShort = wasSubmitted && passwordProblem(password) !== undefined;

  if (state.open === false) {
    return (
      <AuthLayout
        title={t('setupDone')}
        subtitle={t('setupDoneText')}
        footer={<Link to="/sign-in">{t('toSignIn')}</Link>}
      >
        {null}
      </AuthLayout>
    );
  }
  return (
    <AuthLayout title={t('setup')} subtitle={t('setupSubtitle', { server: window.location.host })}>
      {state.wrongToken && <Banner tone="danger">{t('setupWrongLink')}</Banner>}
      <ProblemBanner
        problem={state.problem}
        {...(state.open === undefined ? { onRetry: () => void viewModel.load() } : {})}
      />
      <AuthForm onSubmit={submit}>
        <TextField
          label={t('displayName')}
          value={displayName}
          onChange={setDisplayName}
          description={t('displayNameHelp')}
          autoComplete="name"
          autoFocus
        />
        <TextField
          label={t('username')}
          value={username}
          onChange={(text) => setUsername(text.trim().toLowerCase())}
          prefix="@"
          description={t('usernameRules')}
          error={
            state.invalidUsername
              ? t('usernameInvalid')
              : wasSubmitted && username === ''
                ? t('usernameMissing')
                : undefined
          }
          autoComplete="username"
          isIdentifier
        />
        <PasswordField
          label={t('password')}
          value={password}
          onChange={setPassword}
          autoComplete="new-password"
          description={t('passwordRules', { count: minimumPasswordLength })}
          error={state.weakPassword ?? (isShort ? t('passwordTooShort', { count: minimumPasswordLength }) : undefined)}
        />
        <Button type="submit" variant="primary" size="l" isBlock isPending={state.pending}>
          {t('setupCreate')}
        </Button>
      </AuthForm>
    </AuthLayout>
  );
}
