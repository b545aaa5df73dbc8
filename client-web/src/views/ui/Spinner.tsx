import styles from './Spinner.module.css';

/** Only inside a control that works; a page that loads shows skeletons. */
export function Spinner() {
  return <span className={styles.spinner} aria-hidden />;
}
