import { hueOf } from '../../view-models/sender-hue.ts';
import styles from './Avatar.module.css';
import { classes } from './classes.ts';
import { useMediaUrl } from './use-media-url.ts';

export type AvatarSize = 16 | 20 | 24 | 28 | 32 | 36 | 40 | 48 | 64 | 96;
export type PresenceMark = 'online' | 'away' | 'offline';

export interface AvatarProps {
  name: string;
  /** User or room id: decides the colour while there is no picture. */
  id: string;
  mxc?: string | undefined;
  size: AvatarSize;
  /** People are round, rooms and spaces are rounded squares. */
  shape?: 'user' | 'room';
  presence?: PresenceMark | undefined;
}

/** A picture, or the first letter on the id's own colour. Decorative: the name always stands beside it. */
export function Avatar({ name, id, mxc, size, shape = 'user', presence }: AvatarProps) {
  const url = useMediaUrl({ mxc, width: size, height: size, method: 'crop' });
  return (
    <span className={classes(styles.avatar, styles[shape])} data-size={size} data-hue={hueOf(id)} aria-hidden>
      {url ? <img className={styles.image} src={url} alt="" draggable={false} /> : firstLetter(name, id)}
      {presence && <span className={classes(styles.presence, styles[presence])} />}
    </span>
  );
}

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** The first letter or digit; an emoji where there is nothing else. */
function firstLetter(name: string, id: string): string {
  const text = name.replace(/^[\s#@!+&]+/u, '') || id.slice(1);
  for (const { segment } of segmenter.segment(text)) return segment.toLocaleUpperCase();
  return '?';
}
