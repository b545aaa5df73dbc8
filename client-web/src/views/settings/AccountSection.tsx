import { type FormEvent, useState } from 'react';
import { useApp } from '../app-context.tsx';
import { PasswordField } from '../auth/PasswordField.tsx';
import { minimumPasswordLength, passwordProblem } from '../auth/password-rules.ts';
import { useT } from '../i18n.tsx';
import { useSession } from '../session-context.tsx';
import { Button } from '../ui/Button.tsx';
import { Checkbox } from '../ui/Checkbox.tsx';
import { ProblemBanner } from '../ui/ProblemBanner.tsx';
import { useToast } from '../ui/Toast.tsx';
import { useOwnedViewModel, useViewModel } from '../ui/use-view-model.ts';
import styles from './Section.module.css';
import { Group, Section } from './Section.tsx';

export function AccountSection() {
  const t = useT('settings');
  const app = useApp();
  return (
    <Section title={t('account')}>
      <ChangePassword />
      <Group title={t('signOutTitle')} text={t('signOutText')}>
        <div className={styles.buttons}>
          <Button onPress={() => void app.signOut()}>{t('signOut')}</Button>
        </div>
      </Group>
    </Section>
  );
}

function ChangePassword() {
  const t = useT('settings');
  const auth = useT('auth');
  const session = useSession();
  const toast = useToast();
  const viewModel = useOwnedViewModel(() => session.createChangePassword(), [session]);
  const state = useViewModel(viewModel);
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const [signOutOthers, setSignOutOthers] = useState(true);
  const [wasSubmitted, setSubmitted] = useState(false);
  const isShort = wasSubmitted && passwordProblem(next) !== undefined;

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setSubmitted(true);
    if (current === '' || passwordProblem(next)) return;
    if (!(await viewModel.change({ current, next, signOutOthers }))) return;
    toast(t('passwordChanged'), { tone: 'success' });
    setCurrent('');
    setNext('');
    setSubmitted(false);
  };
  return (
    <Group title={t('changePassword')}>
      <form className={styles.form} onSubmit={(event) => void submit(event)}>
        <ProblemBanner problem={state.problem} />
        <PasswordField
          label={t('currentPassword')}
          value={current}
          onChange={setCurrent}
          autoComplete="current-password"
          error={state.wrongPassword ? t('wrongPassword') : undefined}
        />
        <PasswordField
          label={t('newPassword')}
          value={next}
          onChange={setNext}
          autoComplete="new-password"
          description={auth('passwordRules', { count: minimumPasswordLength })}
          error={
            state.weakPassword ?? (isShort ? auth('passwordTooShort', { count: minimumPasswordLength }) : undefined)
          }
        />
        <Checkbox isSelected={signOutOthers} onChange={setSignOutOthers}>
          {t('signOutOthersToo')}
        </Checkbox>
        <div className={styles.buttons}>
          <Button type="submit" variant="primary" isPending={state.pending} isDisabled={current === '' || next === ''}>
            {t('changePassword')}
          </Button>
        </div>
      </form>
    </Group>
  );
}
