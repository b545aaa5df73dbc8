import { useMemo } from 'react';
import { useLanguage, useT } from '../i18n.tsx';

const DAY_MS = 86_400_000;

export interface TimeFormats {
  /** The time of day, as in "14:05". */
  time: (timestamp: number) => string;
  /** Day and time in full, for the tooltip of a time. */
  full: (timestamp: number) => string;
  /** "Today", "Yesterday", a weekday with its date, with the year when it is not this one. */
  day: (timestamp: number) => string;
}

const startOfDay = (timestamp: number): number => new Date(timestamp).setHours(0, 0, 0, 0);

/** The language with the region the browser is set to, which decides between 14:05 and 2:05 PM. */
export function withRegion(language: string): string {
  return navigator.languages.find((tag) => tag.split('-')[0] === language) ?? language;
}

/** Times as the user's language writes them. */
export function useTimeFormats(): TimeFormats {
  const language = useLanguage();
  const t = useT('timeline');
  return useMemo(() => {
    const locale = withRegion(language);
    const time = new Intl.DateTimeFormat(locale, { timeStyle: 'short' });
    const full = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'short' });
    const thisYear = new Intl.DateTimeFormat(locale, { weekday: 'long', day: 'numeric', month: 'long' });
    const otherYear = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'long', year: 'numeric' });
    return {
      time: (timestamp) => time.format(timestamp),
      full: (timestamp) => full.format(timestamp),
      day: (timestamp) => {
        const today = Date.now();
        const daysAgo = Math.round((startOfDay(today) - startOfDay(timestamp)) / DAY_MS);
        if (daysAgo === 0) return t('today');
        if (daysAgo === 1) return t('yesterday');
        const isThisYear = new Date(timestamp).getFullYear() === new Date(today).getFullYear();
        return (isThisYear ? thisYear : otherYear).format(timestamp);
      },
    };
  }, [language, t]);
}
