import { Check } from 'lucide-react';
import { useState } from 'react';
import type { SignUpViewModel, UsernameCheck } from '../../view-models/auth/sign-up.ts';
import { type Translate, useT } from '../i18n.tsx';
import { Button } from '../ui/Button.tsx';
import { Spinner } from '../ui/Spinner.tsx';
import { TextField } from '../ui/TextField.tsx';
import { useViewModel } from '../ui/use-view-model.ts';
import { AuthForm } from './AuthForm.tsx';
import styles from './AuthLayout.module.css';
import { PasswordField } from './PasswordField.tsx';
import { minimumPasswordLength, passwordProblem } from './password-rules.ts';

export function SignUpForm(props: { viewModel: SignUpViewModel; invitationToken: string | undefined }) {
  const { viewModel, invitationToken } = props;
  const t = useT('auth');
  const { mode, usernameCheck, weakPassword, wrongToken, pending } = useViewModel(viewModel);
  const [displayName, setDisplayName] = useState('');
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [token, setToken] = useState(invitationToken ?? '');
  const [wasSubmitted, setSubmitted] = useState(false);
  const isShort = wasSubmitted && passwordProblem(password) !== undefined;

  const submit = () => {
    setSubmitted(true);
    if (username === '' || passwordProblem(password)) return;
    void viewModel.signUp({ username, password, displayName: displayName.trim(), token });
  };
  return (
    <AuthForm onSubmit={submit}>
      <TextField
        label={t('displayName')}
        value={displayName}
        onChange={setDisplayName}
        description={t('displayNameHelp')}
        maxLength={255}
        autoComplete="name"
        autoFocus
      />
      <TextField
        label={t('username')}
        value={username}
        onChange={(text) => {
          const name = text.trim().toLowerCase();
          setUsername(name);
          viewModel.usernameChanged(name);
        }}
        prefix="@"
        suffix={<UsernameMark check={usernameCheck} />}
        description={t(usernameCheck === 'available' ? 'usernameAvailable' : 'usernameRules')}
        error={usernameError(usernameCheck, wasSubmitted && username === '', t)}
        autoComplete="username"
        isIdentifier
      />
      <PasswordField
        label={t('password')}
        value={password}
        onChange={setPassword}
        autoComplete="new-password"
        description={t('passwordRules', { count: minimumPasswordLength })}
        error={weakPassword ?? (isShort ? t('passwordTooShort', { count: minimumPasswordLength }) : undefined)}
      />
      {mode === 'token' && (
        <TextField
          label={t('registrationToken')}
          value={token}
          onChange={setToken}
          description={t('registrationTokenHelp')}
          error={wrongToken ? t('wrongRegistrationToken') : undefined}
          autoComplete="off"
          isIdentifier
        />
      )}
      <Button type="submit" variant="primary" size="l" isBlock isPending={pending}>
        {t('createAccount')}
      </Button>
    </AuthForm>
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
  return check === 'invalid' ? t('usernameInvalid') : undefined;
}
