import { Link } from '@tanstack/react-router';
import { Check } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { describeDevice } from '../../platform/device-name.ts';
import { SignUpViewModel, type UsernameCheck } from '../../view-models/auth/sign-up.ts';
import { useApp } from '../app-context.tsx';
import { type Translate, useT } from '../i18n.tsx';
import { Banner } from '../ui/Banner.tsx';
import { Button } from '../ui/Button.tsx';
import { ProblemBanner } from '../ui/ProblemBanner.tsx';
import { Spinner } from '../ui/Spinner.tsx';
import { TextField } from '../ui/TextField.tsx';
import { useOwnedViewModel, useViewModel } from '../ui/use-view-model.ts';
import styles from './AuthLayout.module.css';
import { AuthLayout } from './AuthLayout.tsx';
import { PasswordField } from './PasswordField.tsx';
import { minimumPasswordLength, passwordProblem } from './password-rules.ts';

/** `invitationToken` comes with a link that somebody was given; it fills in the field for it. */
export function SignUpPage({ invitationToken }: { invitationToken: string | undefined }) {
  const t = useT('auth');
  const app = useApp();
  const viewModel = useOwnedViewModel(
    () =>
      new SignUpViewModel({
        baseUrl: app.platform.origin,
        deviceName: describeDevice(navigator.userAgent),
        onSignedIn: (credentials) => app.signedIn(credentials),
      }),
    [app],
  );
  const state = useViewModel(viewModel);
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [token, setToken] = useState(invitationToken ?? '');
  const [wasSubmitted, setSubmitted] = useState(false);
  const tooShort = wasSubmitted ? passwordProblem(password) : undefined;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    setSubmitted(true);
    if (username !== '' && !passwordProblem(password)) void viewModel.signUp(username, password, token);
  };
  const unavailable = state.mode === 'closed' || state.mode === 'unsupported';

  return (
    <AuthLayout
      title={t('createAccount')}
      subtitle={t('signUpSubtitle', { server: window.location.host })}
      footer={
        <>
          {t('haveAccount')} <Link to="/sign-in">{t('signIn')}</Link>
        </>
      }
    >
      {unavailable && (
        <Banner tone="warning">{t(state.mode === 'closed' ? 'signUpClosed' : 'signUpUnsupported')}</Banner>
      )}
      <ProblemBanner
        problem={state.problem}
        {...(state.mode === undefined ? { onRetry: () => void viewModel.loadFlows() } : {})}
      />
      {!unavailable && (
        <form className={styles.form} onSubmit={submit} noValidate>
          <TextField
            label={t('username')}
            value={username}
            onChange={(text) => {
              const name = text.trim().toLowerCase();
              setUsername(name);
              viewModel.usernameChanged(name);
            }}
            prefix="@"
            suffix={<UsernameMark check={state.usernameCheck} />}
            description={state.usernameCheck === 'available' ? t('usernameAvailable') : t('usernameRules')}
            error={usernameError(state.usernameCheck, wasSubmitted && username === '', t)}
            autoComplete="username"
            isIdentifier
            autoFocus
          />
          <PasswordField
            label={t('password')}
            value={password}
            onChange={setPassword}
            autoComplete="new-password"
            description={t('passwordRules', { count: minimumPasswordLength })}
            error={state.weakPassword ?? (tooShort && t('passwordTooShort', { count: minimumPasswordLength }))}
          />
          {state.mode === 'token' && (
            <TextField
              label={t('registrationToken')}
              value={token}
              onChange={setToken}
              description={t('registrationTokenHelp')}
              error={state.wrongToken ? t('wrongRegistrationToken') : undefined}
              autoComplete="off"
              spellCheck="false"
            />
          )}
          <Button type="submit" variant="primary" size="l" isBlock isPending={state.pending}>
            {t('createAccount')}
          </Button>
        </form>
      )}
    </AuthLayout>
  );
}

function UsernameMark({ check }: { check: UsernameCheck }) {
  if (check === 'checking') return <Spinner />;
  if (check === 'available') return <Check size={16} strokeWidth={2} className={styles.good} aria-hidden />;
  return null;
}

function usernameError(check: UsernameCheck, isMissing: boolean, t: Translate): string | undefined {
  if (isMissing) return t('usernameMissing');
  if (check === 'taken') return t('usernameTaken');
  if (check === 'invalid') return t('usernameInvalid');
  return undefined;
}
