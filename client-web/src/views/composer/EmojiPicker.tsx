import { type EmojiData, EmojiPicker as Picker } from 'frimousse';
import { type ComponentProps, useMemo, useState } from 'react';
import { loadEmoji } from '../../composer/emoji-data.ts';
import type { EmojiSet } from '../../view-models/emoji.ts';
import { recentEmoji } from '../../view-models/recent-emoji.ts';
import { useLanguage, useT } from '../i18n.tsx';
import { useSession } from '../session-context.tsx';
import styles from './EmojiPicker.module.css';

const TONES = ['light', 'medium-light', 'medium', 'medium-dark', 'dark'] as const;

type Skins = NonNullable<EmojiData['emojis'][number]['skins']>;

function toPickerData(locale: string, set: EmojiSet, toneNames: EmojiData['skinTones']): EmojiData {
  return {
    locale,
    emojis: set.emoji.map((one) => ({
      emoji: one.emoji,
      category: one.group,
      label: one.label,
      version: 1,
      tags: [...one.tags],
      aliases: [...one.shortcodes],
      ...(one.skins.length === TONES.length && {
        skins: Object.fromEntries(TONES.map((tone, index) => [tone, one.skins[index]])) as Skins,
      }),
    })),
    categories: set.groups.map((label, index) => ({ index, label })).filter(({ index }) => index !== 2),
    skinTones: toneNames,
  };
}

type Parts = NonNullable<ComponentProps<typeof Picker.List>['components']>;

function CategoryHeader({ category, ...props }: ComponentProps<NonNullable<Parts['CategoryHeader']>>) {
  return (
    <div {...props} className={styles.category}>
      {category.label}
    </div>
  );
}

/** The list counts its rows and columns from 0, but ARIA from 1. */
function countFromOne<P extends object>(props: P, name: 'aria-rowindex' | 'aria-colindex'): P {
  return { ...props, [name]: Number((props as Record<string, unknown>)[name] ?? 0) + 1 };
}

function Row(props: ComponentProps<NonNullable<Parts['Row']>>) {
  return <div {...countFromOne(props, 'aria-rowindex')} className={styles.row} />;
}

function EmojiOption({ emoji, ...props }: ComponentProps<NonNullable<Parts['Emoji']>>) {
  return (
    <button
      type="button"
      {...countFromOne(props, 'aria-colindex')}
      className={styles.emoji}
      data-active={emoji.isActive || undefined}
    >
      {emoji.emoji}
    </button>
  );
}

const COLUMNS = 9;
const PARTS: Parts = { CategoryHeader, Row, Emoji: EmojiOption };

/** All emoji by group, with search and skin tones. The data comes from our own origin. */
export function EmojiPicker({ onPick }: { onPick: (emoji: string) => void }) {
  const t = useT('composer');
  const language = useLanguage();
  const { platform } = useSession();
  const [search, setSearch] = useState('');
  const recent = useMemo(() => recentEmoji(platform.storage).slice(0, COLUMNS), [platform]);
  const toneNames = Object.fromEntries(TONES.map((tone) => [tone, t(`tone.${tone}`)])) as EmojiData['skinTones'];
  return (
    <Picker.Root
      className={styles.root ?? ''}
      columns={COLUMNS}
      locale={language}
      resolveEmojiData={async (locale) => toPickerData(locale, await loadEmoji(locale), toneNames)}
      onEmojiSelect={({ emoji }) => onPick(emoji)}
    >
      <div className={styles.top}>
        <Picker.Search
          className={styles.search ?? ''}
          autoFocus
          value={search}
          onChange={(event) => setSearch(event.target.value)}
          placeholder={t('searchEmoji')}
          aria-label={t('searchEmoji')}
        />
        <Picker.SkinToneSelector className={styles.tone ?? ''} aria-label={t('skinTone')} />
      </div>
      {search === '' && recent.length > 0 && (
        <fieldset className={styles.recent}>
          <legend className={styles.category}>{t('recentEmoji')}</legend>
          {recent.map((emoji) => (
            <button key={emoji} type="button" className={styles.emoji} onClick={() => onPick(emoji)}>
              {emoji}
            </button>
          ))}
        </fieldset>
      )}
      <Picker.Viewport className={styles.viewport ?? ''}>
        <Picker.Loading className={styles.notice ?? ''}>{t('loading')}</Picker.Loading>
        <Picker.Empty className={styles.notice ?? ''}>{t('noEmoji')}</Picker.Empty>
        <Picker.List className={styles.list ?? ''} components={PARTS} />
      </Picker.Viewport>
      <div className={styles.footer}>
        <Picker.ActiveEmoji>
          {({ emoji }) => (
            <>
              <span className={styles.preview}>{emoji?.emoji ?? ''}</span>
              <span className={styles.label}>{emoji?.label ?? t('pickEmoji')}</span>
            </>
          )}
        </Picker.ActiveEmoji>
      </div>
    </Picker.Root>
  );
}
