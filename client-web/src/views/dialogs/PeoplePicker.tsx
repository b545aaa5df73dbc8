import { X } from 'lucide-react';
import { type KeyboardEvent, useId, useState } from 'react';
import { Button } from 'react-aria-components/Button';
import type { FoundUser, PeoplePickerViewModel } from '../../view-models/people-picker.ts';
import { useT } from '../i18n.tsx';
import { Avatar } from '../ui/Avatar.tsx';
import { Skeleton } from '../ui/Skeleton.tsx';
import { useViewModel } from '../ui/use-view-model.ts';
import styles from './PeoplePicker.module.css';

/** A field that collects people, with those who fit below it. Arrow keys move through them, Enter takes one. */
export function PeoplePicker({ viewModel }: { viewModel: PeoplePickerViewModel }) {
  const t = useT('dialogs');
  const { term, results, chosen, searching } = useViewModel(viewModel);
  const [index, setIndex] = useState(0);
  const listId = useId();
  const active = results[Math.min(index, results.length - 1)];
  const optionId = (user: FoundUser) => `${listId}-${user.userId}`;

  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      const step = event.key === 'ArrowDown' ? 1 : -1;
      if (results.length > 0) setIndex((Math.min(index, results.length - 1) + step + results.length) % results.length);
    } else if (event.key === 'Enter' && active && !event.nativeEvent.isComposing) {
      event.preventDefault();
      take(active);
    } else if (event.key === 'Backspace' && term === '') {
      const last = chosen.at(-1);
      if (last) viewModel.remove(last.userId);
    }
  };
  const take = (user: FoundUser) => {
    viewModel.choose(user);
    setIndex(0);
  };

  return (
    <div className={styles.picker}>
      <div className={styles.field}>
        {chosen.map((user) => (
          <span key={user.userId} className={styles.chip}>
            <Avatar id={user.userId} name={user.name} mxc={user.avatarMxc} size={20} />
            <span className={styles.chipName}>{user.name}</span>
            <Button
              className={styles.remove ?? ''}
              aria-label={t('removePerson', { name: user.name })}
              onPress={() => viewModel.remove(user.userId)}
            >
              <X size={14} strokeWidth={2} aria-hidden />
            </Button>
          </span>
        ))}
        <input
          className={styles.input}
          role="combobox"
          aria-label={t('people')}
          aria-expanded={results.length > 0}
          aria-controls={listId}
          aria-activedescendant={active ? optionId(active) : undefined}
          aria-autocomplete="list"
          placeholder={chosen.length === 0 ? t('peoplePlaceholder') : ''}
          value={term}
          onChange={(event) => {
            viewModel.setTerm(event.target.value);
            setIndex(0);
          }}
          onKeyDown={onKeyDown}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          // biome-ignore lint/a11y/noAutofocus: the dialog is there for this field
          autoFocus
        />
      </div>
      <div id={listId} role="listbox" aria-label={t('people')} className={styles.list}>
        {results.map((user) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are handled by the field, which keeps the focus
          <div
            key={user.userId}
            id={optionId(user)}
            role="option"
            tabIndex={-1}
            aria-selected={user === active}
            className={styles.option}
            onClick={() => take(user)}
          >
            <Avatar id={user.userId} name={user.name} mxc={user.avatarMxc} size={32} />
            <span className={styles.names}>
              <span className={styles.name}>{user.name}</span>
              <span className={styles.id}>{user.userId}</span>
            </span>
          </div>
        ))}
      </div>
      {results.length === 0 && searching && <OptionSkeletons />}
      {results.length === 0 && !searching && (
        <p className={styles.none}>{t(term === '' ? 'peopleHint' : 'noPeople', { term })}</p>
      )}
    </div>
  );
}

function OptionSkeletons() {
  return (
    <div aria-busy="true">
      {[120, 90, 150].map((width) => (
        <div key={width} className={styles.option}>
          <Skeleton width={32} height={32} shape="circle" />
          <Skeleton width={width} height={12} />
        </div>
      ))}
    </div>
  );
}
