import { CircleCheck, Info, TriangleAlert, X } from 'lucide-react';
import { createContext, type ReactNode, useCallback, useContext, useMemo, useRef, useState } from 'react';
import { useT } from '../i18n.tsx';
import { Button } from './Button.tsx';
import { IconButton } from './IconButton.tsx';
import styles from './Toast.module.css';

export interface ToastOptions {
  tone?: 'neutral' | 'success' | 'danger';
  action?: { label: string; onPress: () => void };
}

interface ShownToast extends ToastOptions {
  id: number;
  message: string;
}

export type ShowToast = (message: string, options?: ToastOptions) => void;

const shownMs = 6000;
const icons = { neutral: Info, success: CircleCheck, danger: TriangleAlert } as const;

const ToastContext = createContext<ShowToast>(() => {});

/** Says in a corner what has just happened. For what the user must act on, use a dialog or the place itself. */
export function useToast(): ShowToast {
  return useContext(ToastContext);
}

export function ToastProvider({ children }: { children: ReactNode }) {
  const t = useT('common');
  const [toasts, setToasts] = useState<readonly ShownToast[]>([]);
  const nextId = useRef(0);
  const timers = useRef(new Map<number, ReturnType<typeof setTimeout>>());

  const remove = useCallback((id: number) => {
    clearTimeout(timers.current.get(id));
    timers.current.delete(id);
    setToasts((shown) => shown.filter((toast) => toast.id !== id));
  }, []);
  const startTimer = useCallback(
    (id: number) =>
      timers.current.set(
        id,
        setTimeout(() => remove(id), shownMs),
      ),
    [remove],
  );
  const show = useMemo<ShowToast>(
    () => (message, options) => {
      const id = nextId.current++;
      setToasts((shown) => [...shown.slice(-2), { id, message, ...options }]);
      startTimer(id);
    },
    [startTimer],
  );
  const pause = (id: number) => clearTimeout(timers.current.get(id));

  return (
    <ToastContext value={show}>
      {children}
      <section className={styles.region} aria-label={t('notices')} aria-live="polite">
        {toasts.map((toast) => {
          const tone = toast.tone ?? 'neutral';
          const Icon = icons[tone];
          return (
            <div
              key={toast.id}
              className={styles.toast}
              onPointerEnter={() => pause(toast.id)}
              onPointerLeave={() => startTimer(toast.id)}
            >
              <Icon size={18} strokeWidth={1.75} className={styles[tone]} aria-hidden />
              <span className={styles.message}>{toast.message}</span>
              {toast.action && (
                <Button
                  size="s"
                  variant="ghost"
                  onPress={() => {
                    toast.action?.onPress();
                    remove(toast.id);
                  }}
                >
                  {toast.action.label}
                </Button>
              )}
              <IconButton icon={X} size="s" label={t('close')} tooltip={false} onPress={() => remove(toast.id)} />
            </div>
          );
        })}
      </section>
    </ToastContext>
  );
}
