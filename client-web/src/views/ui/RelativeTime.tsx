import { useLanguage } from '../i18n.tsx';

const dayMs = 24 * 60 * 60 * 1000;

/** A time of today as a time, of this week as a weekday, else as a date. The full date is the tooltip. */
export function RelativeTime({ time }: { time: number }) {
  const language = useLanguage();
  const date = new Date(time);
  return (
    <time
      dateTime={date.toISOString()}
      title={date.toLocaleString(language, { dateStyle: 'full', timeStyle: 'short' })}
    >
      {formatShort(date, new Date(), language)}
    </time>
  );
}

function formatShort(date: Date, now: Date, language: string): string {
  if (date.toDateString() === now.toDateString()) {
    return date.toLocaleTimeString(language, { hour: '2-digit', minute: '2-digit' });
  }
  const age = now.getTime() - date.getTime();
  if (age >= 0 && age < 6 * dayMs) return date.toLocaleDateString(language, { weekday: 'short' });
  return date.toLocaleDateString(language, {
    day: 'numeric',
    month: 'short',
    ...(date.getFullYear() === now.getFullYear() ? {} : { year: 'numeric' }),
  });
}
