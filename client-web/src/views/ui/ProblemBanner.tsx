import type { Problem } from '../../view-models/problem.ts';
import { useT } from '../i18n.tsx';
import { Banner } from './Banner.tsx';
import { Button } from './Button.tsx';

/** Says why something did not work. */
export function ProblemBanner({ problem, onRetry }: { problem: Problem | undefined; onRetry?: () => void }) {
  const t = useT('common');
  const describe = useProblemText();
  if (!problem) return null;
  return (
    <Banner
      tone="danger"
      action={
        onRetry && (
          <Button size="s" onPress={onRetry}>
            {t('tryAgain')}
          </Button>
        )
      }
    >
      {describe(problem)}
    </Banner>
  );
}

/** Puts a problem into words. */
export function useProblemText(): (problem: Problem) => string {
  const t = useT('common');
  return (problem) => {
    // The server's own sentence is more exact than ours where it refused something.
    if ((problem.code === 'refused' || problem.code === 'forbidden' || problem.code === 'notFound') && problem.detail) {
      return t('problem.said', { detail: problem.detail });
    }
    return t(`problem.${problem.code}`, { count: problem.seconds ?? 0 });
  };
}
