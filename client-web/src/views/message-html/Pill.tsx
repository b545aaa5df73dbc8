import type { MatrixLink } from '../../view-models/matrix-link.ts';
import { useNavigation } from '../navigation.ts';
import { useTimelineViewModel } from '../timeline/timeline-context.ts';
import { classes } from '../ui/classes.ts';
import styles from './Pill.module.css';

/** A person, room or message named in a message. Opens inside the app; the link stays a link for copying. */
export function Pill({ target, href, text }: { target: MatrixLink; href: string; text: string }) {
  const timeline = useTimelineViewModel();
  const navigation = useNavigation();
  const isMe = target.kind === 'user' && target.userId === timeline.userId;
  return (
    <a
      href={href}
      className={classes(styles.pill, isMe && styles.me)}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        if (target.kind === 'user') navigation.openUser(target.userId);
        else navigation.openLink(href);
      }}
    >
      <bdi>{labelOf(target, text, (userId) => timeline.nameOf(userId))}</bdi>
    </a>
  );
}

/** The name as it is known here, not as the sender spelt it, so that a pill cannot claim to be someone else. */
function labelOf(target: MatrixLink, text: string, nameOf: (userId: string) => string | undefined): string {
  if (target.kind === 'user') return `@${(nameOf(target.userId) ?? target.userId).replace(/^@/, '')}`;
  const isBareLink = /^(?:https?:|matrix:)/i.test(text);
  if (target.kind === 'room') return isBareLink ? target.room : text;
  return isBareLink ? `${target.room} ↗` : text;
}
