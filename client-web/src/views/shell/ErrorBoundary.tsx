import { CloudOff, TriangleAlert } from 'lucide-react';
import { Component, type ErrorInfo, type ReactNode } from 'react';
import { isMissingPart } from '../../platform/missing-part.ts';
import { useT } from '../i18n.tsx';
import { Button } from '../ui/Button.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';
import styles from './ErrorBoundary.module.css';

interface BoundaryState {
  error: unknown;
}

export interface ErrorBoundaryProps {
  /** What the region shows. With another subject it is tried anew. */
  subject?: string | undefined;
  children: ReactNode;
}

/** Keeps a failure in one region from taking the others down. */
export class ErrorBoundary extends Component<ErrorBoundaryProps, BoundaryState> {
  override state: BoundaryState = { error: undefined };

  static getDerivedStateFromError(error: unknown): BoundaryState {
    return { error: error ?? new Error('Unknown error') };
  }

  override componentDidCatch(error: unknown, info: ErrorInfo): void {
    console.error(error, info.componentStack);
  }

  override componentDidUpdate(before: ErrorBoundaryProps): void {
    if (before.subject !== this.props.subject && this.state.error !== undefined) this.setState({ error: undefined });
  }

  override render(): ReactNode {
    if (this.state.error === undefined) return this.props.children;
    return <Broken error={this.state.error} onRetry={() => this.setState({ error: undefined })} />;
  }
}

function Broken({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  const t = useT('shell');
  const reload = () => window.location.reload();
  if (isMissingPart(error)) {
    return (
      <EmptyState
        icon={CloudOff}
        title={t('missingPart')}
        actions={
          <Button variant="primary" onPress={reload}>
            {t('reload')}
          </Button>
        }
      >
        {t('missingPartText')}
      </EmptyState>
    );
  }
  return (
    <EmptyState
      icon={TriangleAlert}
      title={t('broken')}
      actions={
        <>
          <Button onPress={reload}>{t('reload')}</Button>
          <Button variant="primary" onPress={onRetry}>
            {t('tryAgain')}
          </Button>
        </>
      }
    >
      {t('brokenText')}
      <code className={styles.detail}>{error instanceof Error ? error.message : String(error)}</code>
    </EmptyState>
  );
}
