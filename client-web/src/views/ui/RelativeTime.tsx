import { useLocale } from '../i18n.tsx';

const dayMs = 24 * 60 * 60 * 1000;

interface Formats {
  time: Intl.DateTimeFormat;
  weekday: Intl.DateTimeFormat;
  day: Intl.DateTimeFormat;
  dayAndYear: Intl.DateTimeFormat;
  full: Intl.DateTimeFormat;
}

// Making a format costs far more than using it.
const formatsByLocale = new Map<string, Formats>();

function formatsFor(locale: string): Formats {
  const known = formatsByLocale.get(locale);
  if (known) return known;
  const make = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(locale, options);
  const formats = {
    time: make({ hour: '2-digit', minute: '2-digit' }),
    weekday: make({ weekday: 'short' }),
    day: make({ day: 'numeric', month: 'short' }),
    dayAndYear: make({ day: 'numeric', month: 'short', year: 'numeric' }),
    full: make({ dateStyle: 'full', timeStyle: 'short' }),
  };
  formatsByLocale.set(locale, formats);
  return formats;
}

/** A time of today as a time, of this week as a weekday, else as a date. The full date is the tooltip. */
export function RelativeTime({ time }: { time: number }) {
  const formats = formatsFor(useLocale());
  const date = new Date(time);
  return (
    <time dateTime={date.toISOString()} title={formats.full.format(date)}>
      {pickFormat(formats, date, new Date()).format(date)}
    </time>
  );
}

function pickFormat(formats: Formats, date: Date, now: Date): Intl.DateTimeFormat {
  if (date.toDateString() === now.toDateString()) return formats.time;
  const age = now.getTime() - date.getTime();
  if (age >= 0 && age < 6 * dayMs) return formats.weekday;
  return date.getFullYear() === now.getFullYear() ? formats.day : formats.dayAndYear;
}
