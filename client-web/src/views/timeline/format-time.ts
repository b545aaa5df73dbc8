import { useMemo } from 'react';
import { useLocale, useT } from '../i18n.tsx';

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

function makeFormatters(locale: string) {
  const make = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(locale, options);
  return {
    time: make({ timeStyle: 'short' }),
    full: make({ dateStyle: 'full', timeStyle: 'short' }),
    thisYear: make({ weekday: 'long', day: 'numeric', month: 'long' }),
    otherYear: make({ day: 'numeric', month: 'long', year: 'numeric' }),
  };
}

/** They take longer to make than a row takes to draw. */
const formatters = new Map<string, ReturnType<typeof makeFormatters>>();

function formattersOf(locale: string): ReturnType<typeof makeFormatters> {
  const made = formatters.get(locale) ?? makeFormatters(locale);
  formatters.set(locale, made);
  return made;
}

/** Times as the user's language writes them. */
export function useTimeFormats(): TimeFormats {
  const locale = useLocale();
  const t = useT('timeline');
  return useMemo(() => {
    const { time, full, thisYear, otherYear } = formattersOf(locale);
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
  }, [locale, t]);
}
