import { SmilePlus } from 'lucide-react';
import { useState } from 'react';
import { Button } from 'react-aria-components/Button';
import type { Reaction, TimelineEvent } from '../../view-models/timeline.ts';
import { EmojiButton } from '../composer/EmojiButton.tsx';
import { useT } from '../i18n.tsx';
import { Tooltip } from '../ui/Tooltip.tsx';
import styles from './ReactionsView.module.css';
import { useTimelineViewModel } from './timeline-context.ts';
import { useMessageActions } from './use-message-actions.ts';
import { usePeople } from './use-people.ts';

const MAX_SHOWN = 20;

/** The reactions under a message, most given first; one's own are outlined. */
export function ReactionsView({ event }: { event: TimelineEvent }) {
  const t = useT('timeline');
  const actions = useMessageActions(event);
  const [isExpanded, setExpanded] = useState(false);
  const shown = isExpanded ? event.reactions : event.reactions.slice(0, MAX_SHOWN);
  const hidden = event.reactions.length - shown.length;
  return (
    <div className={styles.reactions}>
      {shown.map((reaction) => (
        <ReactionPill key={reaction.key} reaction={reaction} onPress={() => actions.toggleReaction(reaction.key)} />
      ))}
      {hidden > 0 && (
        <button type="button" className={styles.more} onClick={() => setExpanded(true)}>
          {t('moreReactions', { count: hidden })}
        </button>
      )}
      {actions.canReact && (
        <EmojiButton
          icon={SmilePlus}
          label={t('addReaction')}
          className={styles.add ?? ''}
          onPick={actions.toggleReaction}
        />
      )}
    </div>
  );
}

function ReactionPill({ reaction, onPress }: { reaction: Reaction; onPress: () => void }) {
  const t = useT('timeline');
  const people = usePeople();
  const { userId } = useTimelineViewModel();
  const isOwn = reaction.people.some((person) => person.id === userId);
  const who = t('reactedWith', { people: people(reaction.people, 8), key: reaction.key });
  return (
    <Tooltip text={who}>
      <Button
        className={styles.pill ?? ''}
        data-own={isOwn || undefined}
        aria-pressed={isOwn}
        onPress={onPress}
        aria-label={who}
      >
        <span className={styles.key}>{reaction.key}</span>
        <span className={styles.count}>{reaction.people.length}</span>
      </Button>
    </Tooltip>
  );
}
