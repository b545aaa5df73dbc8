import { createInstance, type i18n } from 'i18next';
import { createContext, type ReactNode, useCallback, useContext, useMemo, useSyncExternalStore } from 'react';

export type Language = 'en' | 'de';
export type Translate = (key: string, values?: Readonly<Record<string, unknown>>) => string;

/** Their own names, for the settings. */
export const languages: Readonly<Record<Language, string>> = { en: 'English', de: 'Deutsch' };

const loaders: Readonly<Record<Language, () => Promise<{ resources: Record<string, object> }>>> = {
  en: () => import('../locales/en.ts'),
  de: () => import('../locales/de.ts'),
};

/** The first language of the browser that there is a translation for. */
export function pickLanguage(chosen: unknown, preferred: readonly string[]): Language {
  const candidates = [...(typeof chosen === 'string' ? [chosen] : []), ...preferred];
  for (const candidate of candidates) {
    const language = candidate.toLowerCase().split('-')[0];
    if (language === 'en' || language === 'de') return language;
  }
  return 'en';
}

export async function createTranslations(language: Language): Promise<i18n> {
  const instance = createInstance();
  await instance.init({ lng: language, resources: {}, interpolation: { escapeValue: false }, returnNull: false });
  await changeLanguage(instance, language);
  return instance;
}

/** Loads a language's texts and shows them. */
export async function changeLanguage(instance: i18n, language: Language): Promise<void> {
  const { resources } = await loaders[language]();
  for (const [namespace, texts] of Object.entries(resources)) {
    instance.addResourceBundle(language, namespace, texts, true, true);
  }
  await instance.changeLanguage(language);
  document.documentElement.lang = language;
}

interface Shown {
  instance: i18n;
  language: string;
  locale: string;
}

const I18nContext = createContext<Shown | undefined>(undefined);

/** Listens to the language once, for all components: a room has hundreds that show words. */
export function I18nProvider({ instance, children }: { instance: i18n; children: ReactNode }) {
  const subscribe = useCallback(
    (listener: () => void) => {
      instance.on('languageChanged', listener);
      return () => instance.off('languageChanged', listener);
    },
    [instance],
  );
  const language = useSyncExternalStore(subscribe, () => instance.language);
  const shown = useMemo(() => {
    const locale = navigator.languages.find((tag) => tag.split('-')[0] === language) ?? language;
    return { instance, language, locale };
  }, [instance, language]);
  return <I18nContext value={shown}>{children}</I18nContext>;
}

function useShown(): Shown {
  const shown = useContext(I18nContext);
  if (!shown) throw new Error('Words are shown outside I18nProvider');
  return shown;
}

export function useI18n(): i18n {
  return useShown().instance;
}

/** The language shown now, as a BCP 47 tag for `Intl`. */
export function useLanguage(): string {
  return useShown().language;
}

/** The language with the region the browser is set to, which decides between 14:05 and 2:05 PM. For dates and times. */
export function useLocale(): string {
  return useShown().locale;
}

/** The texts of one file below `locales/<language>/`. */
export function useT(namespace: string): Translate {
  const { instance, language } = useShown();
  return translatorOf(instance, language, namespace);
}

const translators = new WeakMap<i18n, Map<string, Translate>>();

/** One for all rows that ask for the same. */
function translatorOf(instance: i18n, language: string, namespace: string): Translate {
  const made = translators.get(instance) ?? new Map<string, Translate>();
  translators.set(instance, made);
  const key = `${language} ${namespace}`;
  const known = made.get(key);
  if (known) return known;
  const translate = instance.getFixedT(language, namespace);
  const plain = new Map<string, string>();
  const translator: Translate = (name, values) => {
    if (values) return translate(name, { ...values });
    const text = plain.get(name) ?? translate(name, {});
    plain.set(name, text);
    return text;
  };
  made.set(key, translator);
  return translator;
}
