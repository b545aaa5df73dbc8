import { useState } from 'react';
import type { ChangePhrase, StateChange } from '../../view-models/state-change.ts';
import type { ChangesItem } from '../../view-models/timeline-items.ts';
import { useT } from '../i18n.tsx';
import styles from './ChangesRow.module.css';
import { useTimeFormats } from './format-time.ts';
import { usePeople } from './use-people.ts';

const MAX_PHRASES = 3;

/** A run of state changes in one quiet line. What does not fit unfolds, one line each. */
export function ChangesRow({ item }: { item: ChangesItem }) {
  const t = useT('timeline');
  const toWords = useChangeWords();
  const formats = useTimeFormats();
  const [isOpen, setOpen] = useState(false);
  const isFolded = item.phrases.length > MAX_PHRASES;
  const summary = isFolded
    ? t('changes', { count: item.changes.length })
    : item.phrases.map((phrase) => toWords(phrase)).join(' · ');
  return (
    <div className={styles.changes}>
      <time className={styles.time} dateTime={new Date(item.timestamp).toISOString()}>
        {formats.time(item.timestamp)}
      </time>
      <div className={styles.words}>
        {item.changes.length > 1 ? (
          <button type="button" className={styles.toggle} aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
            {summary}
          </button>
        ) : (
          summary
        )}
        {isOpen && (
          <ul className={styles.list}>
            {item.changes.map((change) => (
              <li key={change.eventId}>
                {formats.time(change.timestamp)} {toWords(asPhrase(change))}
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}

const ABOUT_TARGET: ReadonlySet<string> = new Set(['invited', 'withdrawn', 'removed', 'banned', 'unbanned']);

function asPhrase(change: StateChange): ChangePhrase {
  const subject = ABOUT_TARGET.has(change.kind) ? (change.target ?? change.actor) : change.actor;
  return {
    kind: change.kind,
    people: [subject],
    ...(change.target && { actor: change.actor }),
    ...(change.value !== undefined && { value: change.value }),
  };
}

/** Says a phrase in words: "Ana, Ben and 3 others joined". */
function useChangeWords(): (phrase: ChangePhrase) => string {
  const t = useT('timeline');
  const people = usePeople();
  return (phrase) => {
    const values = { people: people(phrase.people), count: phrase.people.length, value: phrase.value };
    return phrase.actor && ABOUT_TARGET.has(phrase.kind)
      ? t(`change.${phrase.kind}By`, { ...values, actor: people([phrase.actor]) })
      : t(`change.${phrase.kind}`, values);
  };
}
