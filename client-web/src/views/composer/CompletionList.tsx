import { useEffect, useRef } from 'react';
import type { Completion } from '../../view-models/composer.ts';
import { useT } from '../i18n.tsx';
import { Avatar } from '../ui/Avatar.tsx';
import styles from './CompletionList.module.css';
import type { CompletionState } from './use-completion.ts';

/** What fits the word at the cursor, above the field, best first. */
export function CompletionList({ completion }: { completion: CompletionState }) {
  const t = useT('composer');
  const activeElement = useRef<HTMLDivElement>(null);
  const { listId, entries, active, choose } = completion;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another entry is active
  useEffect(() => activeElement.current?.scrollIntoView({ block: 'nearest' }), [active]);
  if (entries.length === 0) return null;
  return (
    <div className={styles.list} id={listId} role="listbox" aria-label={t('completions')}>
      {entries.map((entry, index) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are taken in the field, which keeps the focus
        // biome-ignore lint/a11y/useFocusableInteractive: the field keeps the focus and names the active entry
        <div
          key={entry.key}
          ref={index === active ? activeElement : undefined}
          id={`${listId}-${index}`}
          role="option"
          aria-selected={index === active}
          className={styles.entry}
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => choose(entry)}
        >
          <Entry entry={entry} />
        </div>
      ))}
    </div>
  );
}

function Entry({ entry }: { entry: Completion }) {
  const t = useT('composer');
  switch (entry.kind) {
    case 'person':
      return (
        <>
          <Avatar name={entry.person.name} id={entry.person.id} mxc={entry.person.avatarMxc} size={20} />
          <bdi className={styles.name}>{entry.person.name}</bdi>
          <span className={styles.detail}>{entry.person.id}</span>
        </>
      );
    case 'everyone':
      return (
        <>
          <span className={styles.name}>@room</span>
          <span className={styles.detail}>{t('everyone')}</span>
        </>
      );
    case 'room':
      return (
        <>
          <Avatar name={entry.name} id={entry.id} mxc={entry.avatarMxc} size={20} shape="room" />
          <bdi className={styles.name}>{entry.name}</bdi>
          <span className={styles.detail}>{entry.id}</span>
        </>
      );
    default:
      return (
        <>
          <span className={styles.emoji}>{entry.emoji}</span>
          <span className={styles.name}>{entry.shortcode ? `:${entry.shortcode}:` : entry.label}</span>
          <span className={styles.detail}>{entry.shortcode ? entry.label : ''}</span>
        </>
      );
  }
}
