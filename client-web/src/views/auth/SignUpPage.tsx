import { Link } from '@tanstack/react-router';
import { describeDevice } from '../../platform/device-name.ts';
import { SignUpViewModel } from '../../view-models/auth/sign-up.ts';
import { useApp } from '../app-context.tsx';
import { useT } from '../i18n.tsx';
import { Banner } from '../ui/Banner.tsx';
import { ProblemBanner } from '../ui/ProblemBanner.tsx';
import { useOwnedViewModel, useViewModel } from '../ui/use-view-model.ts';
import { AuthLayout } from './AuthLayout.tsx';
import { SignUpForm } from './SignUpForm.tsx';

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
  const { mode, problem } = useViewModel(viewModel);
  const isUnavailable = mode === 'closed' || mode === 'unsupported';
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
      {isUnavailable && <Banner tone="warning">{t(mode === 'closed' ? 'signUpClosed' : 'signUpUnsupported')}</Banner>}
      <ProblemBanner problem={problem} {...(mode === undefined ? { onRetry: () => void viewModel.loadFlows() } : {})} />
      {!isUnavailable && <SignUpForm viewModel={viewModel} invitationToken={invitationToken} />}
    </AuthLayout>
  );
}
