import { useMemo } from 'react';
import type { Person } from '../../view-models/timeline.ts';
import { useLocale, useT } from '../i18n.tsx';

/** Joins names as the language does: "Ana", "Ana and Ben", "Ana, Ben and 3 others". */
export function usePeople(): (people: readonly Person[], maxNamed?: number) => string {
  const locale = useLocale();
  const t = useT('timeline');
  return useMemo(() => {
    const list = new Intl.ListFormat(locale, { style: 'long', type: 'conjunction' });
    return (people, maxNamed = 3) => {
      // A name's own direction must not turn the sentence around: U+2068 … U+2069 isolate it.
      const names = people.map((person) => `\u2068${person.name}\u2069`);
      if (names.length <= maxNamed) return list.format(names);
      const named = names.slice(0, maxNamed - 1);
      return list.format([...named, t('others', { count: names.length - named.length })]);
    };
  }, [locale, t]);
}
