import type { ReactNode } from 'react';
import styles from './Section.module.css';

/** A page of the settings. */
export function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={styles.section} aria-label={title}>
      <h2 className={styles.title}>{title}</h2>
      {children}
    </section>
  );
}

/** A group of what belongs together. */
export function Group({ title, text, children }: { title?: string; text?: string; children: ReactNode }) {
  return (
    <div className={styles.group}>
      {title && <h3 className={styles.groupTitle}>{title}</h3>}
      {text && <p className={styles.text}>{text}</p>}
      {children}
    </div>
  );
}
