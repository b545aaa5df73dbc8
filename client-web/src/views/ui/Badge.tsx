import styles from './Badge.module.css';
import { classes } from './classes.ts';

/** A number in a pill; more than 99 is shown as 99+. Nothing for 0. Whoever shows it says in words what it counts. */
export function Badge({ count, tone = 'mention' }: { count: number; tone?: 'mention' | 'muted' }) {
  if (count <= 0) return null;
  return (
    <span className={classes(styles.badge, styles[tone])} aria-hidden>
      {count > 99 ? '99+' : count}
    </span>
  );
}
