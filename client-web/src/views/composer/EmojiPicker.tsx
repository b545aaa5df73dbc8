import { type EmojiData, EmojiPicker as Picker } from 'frimousse';
import type { ComponentProps } from 'react';
import { loadEmoji } from '../../composer/emoji-data.ts';
import type { EmojiSet } from '../../view-models/emoji.ts';
import { useLanguage, useT } from '../i18n.tsx';
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

function Row(props: ComponentProps<NonNullable<Parts['Row']>>) {
  return <div {...props} className={styles.row} />;
}

function EmojiOption({ emoji, ...props }: ComponentProps<NonNullable<Parts['Emoji']>>) {
  return (
    <button type="button" {...props} className={styles.emoji} data-active={emoji.isActive || undefined}>
      {emoji.emoji}
    </button>
  );
}

const PARTS: Parts = { CategoryHeader, Row, Emoji: EmojiOption };

/** All emoji by group, with search and skin tones. The data comes from our own origin. */
export function EmojiPicker({ onPick }: { onPick: (emoji: string) => void }) {
  const t = useT('composer');
  const language = useLanguage();
  const toneNames = Object.fromEntries(TONES.map((tone) => [tone, t(`tone.${tone}`)])) as EmojiData['skinTones'];
  return (
    <Picker.Root
      className={styles.root ?? ''}
      columns={9}
      locale={language}
      resolveEmojiData={async (locale) => toPickerData(locale, await loadEmoji(locale), toneNames)}
      onEmojiSelect={({ emoji }) => onPick(emoji)}
    >
      <div className={styles.top}>
        <Picker.Search
          className={styles.search ?? ''}
          autoFocus
          placeholder={t('searchEmoji')}
          aria-label={t('searchEmoji')}
        />
        <Picker.SkinToneSelector className={styles.tone ?? ''} aria-label={t('skinTone')} />
      </div>
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
