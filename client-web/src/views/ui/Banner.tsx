import { CircleAlert, Info, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import styles from './Banner.module.css';
import { classes } from './classes.ts';

const icons = { neutral: Info, warning: TriangleAlert, danger: CircleAlert } as const;

/** A line above what it is about. A danger is read aloud at once. */
export function Banner(props: { tone?: 'neutral' | 'warning' | 'danger'; children: ReactNode; action?: ReactNode }) {
  const { tone = 'neutral', children, action } = props;
  const Icon = icons[tone];
  return (
    <div className={classes(styles.banner, styles[tone])} role={tone === 'danger' ? 'alert' : 'status'}>
      <Icon size={16} strokeWidth={1.75} aria-hidden />
      <span className={styles.text}>{children}</span>
      {action}
    </div>
  );
}
