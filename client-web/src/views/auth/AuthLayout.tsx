import type { ReactNode } from 'react';
import { Logo } from '../ui/Logo.tsx';
import styles from './AuthLayout.module.css';

/** The frame of all pages before sign-in. */
export function AuthLayout(props: { title: string; subtitle?: ReactNode; children: ReactNode; footer?: ReactNode }) {
  return (
    <div className={styles.page}>
      <main className={styles.card}>
        <div className={styles.brand}>
          <Logo size={28} />
          <span>Parley</span>
        </div>
        <header className={styles.header}>
          <h1 className={styles.title}>{props.title}</h1>
          {props.subtitle && <p className={styles.subtitle}>{props.subtitle}</p>}
        </header>
        {props.children}
        {props.footer && <footer className={styles.footer}>{props.footer}</footer>}
      </main>
    </div>
  );
}
