import { type ReactNode, useEffect, useRef } from 'react';
import styles from './AuthLayout.module.css';

/** Fields and a button. After each attempt to send it, the first field that is wrong takes the focus. */
export function AuthForm({ onSubmit, children }: { onSubmit: () => void; children: ReactNode }) {
  const form = useRef<HTMLFormElement>(null);
  const isSubmitted = useRef(false);
  // What is wrong may be known at once or only when the server has answered.
  useEffect(() => {
    if (!isSubmitted.current) return;
    const wrong = form.current?.querySelector<HTMLElement>('[aria-invalid="true"]');
    if (!wrong) return;
    isSubmitted.current = false;
    wrong.focus();
  });
  return (
    <form
      ref={form}
      className={styles.form}
      noValidate
      onInput={() => {
        isSubmitted.current = false;
      }}
      onSubmit={(event) => {
        event.preventDefault();
        isSubmitted.current = true;
        onSubmit();
      }}
    >
      {children}
    </form>
  );
}
