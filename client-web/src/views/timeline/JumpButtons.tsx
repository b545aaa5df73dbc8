import { ArrowDown, ArrowUp } from 'lucide-react';
import { useState } from 'react';
import type { TimelineState, TimelineViewModel } from '../../view-models/timeline.ts';
import { useT } from '../i18n.tsx';
import styles from './JumpButtons.module.css';
import type { ReadingPlace } from './use-reading-place.ts';

export interface JumpButtonsProps {
  timeline: TimelineViewModel;
  state: TimelineState;
  place: ReadingPlace;
  onJumpToNew: () => void;
}

/** Floating ways out of where one is: up to the first unread message, down to the latest. */
export function JumpButtons({ timeline, state, place, onJumpToNew }: JumpButtonsProps) {
  const t = useT('timeline');
  const [isNewSeen, setNewSeen] = useState(false);
  return (
    <>
      {place.isNewAbove && !isNewSeen && (
        <button
          type="button"
          className={styles.up}
          onClick={() => {
            setNewSeen(true);
            onJumpToNew();
          }}
        >
          <ArrowUp size={16} strokeWidth={1.75} aria-hidden />
          {t('jumpToNew')}
        </button>
      )}
      {(!place.isAtEnd || !state.isAtLiveEnd) && (
        <button
          type="button"
          className={styles.down}
          data-new={state.newBelow > 0 || undefined}
          aria-label={state.newBelow > 0 ? t('newBelow', { count: state.newBelow }) : t('jumpToLatest')}
          onClick={() => void timeline.jumpToLatest()}
        >
          {state.newBelow > 0 && <span>{t('newBelow', { count: state.newBelow })}</span>}
          <ArrowDown size={16} strokeWidth={1.75} aria-hidden />
        </button>
      )}
    </>
  );
}
