import styles from './Skeleton.module.css';

/** Stands where something is about to appear, in its size. */
export function Skeleton(props: { width: number | string; height: number; shape?: 'text' | 'circle' | 'square' }) {
  const { width, height, shape = 'text' } = props;
  return <span className={styles.skeleton} data-shape={shape} style={{ width, height }} aria-hidden />;
}
