import { Monitor, Moon, Rows2, Rows4, Sun } from 'lucide-react';
import { useState } from 'react';
import { chooseTheme, readTheme, type ThemeChoice } from '../../platform/theme.ts';
import { useApp } from '../app-context.tsx';
import { changeLanguage, type Language, languages, useI18n, useLanguage, useT } from '../i18n.tsx';
import { useSession } from '../session-context.tsx';
import { RadioCards } from '../ui/RadioCards.tsx';
import { Select } from '../ui/Select.tsx';
import { useViewModel } from '../ui/use-view-model.ts';
import { Group, Section } from './Section.tsx';

export function AppearanceSection() {
  const t = useT('settings');
  const { storage } = useApp().platform;
  const { preferences } = useSession();
  const { density } = useViewModel(preferences);
  const i18n = useI18n();
  const language = useLanguage();
  const [theme, setTheme] = useState(() => readTheme(storage));
  const change = (choice: ThemeChoice) => {
    chooseTheme(window, storage, choice);
    setTheme(choice);
  };
  const speak = (choice: Language) => {
    storage.set('language', choice);
    void changeLanguage(i18n, choice);
  };
  return (
    <Section title={t('appearance')}>
      <Group>
        <RadioCards
          label={t('theme')}
          value={theme}
          cards={[
            { value: 'system', label: t('themeSystem'), description: t('themeSystemText'), icon: Monitor },
            { value: 'light', label: t('themeLight'), icon: Sun },
            { value: 'dark', label: t('themeDark'), icon: Moon },
          ]}
          onChange={change}
        />
      </Group>
      <Group>
        <RadioCards
          label={t('density')}
          value={density}
          cards={[
            { value: 'comfortable', label: t('densityComfortable'), icon: Rows2 },
            { value: 'compact', label: t('densityCompact'), description: t('densityCompactText'), icon: Rows4 },
          ]}
          onChange={(choice) => preferences.change({ density: choice })}
        />
      </Group>
      <Group>
        <Select
          label={t('language')}
          value={language as Language}
          options={(Object.entries(languages) as [Language, string][]).map(([value, label]) => ({ value, label }))}
          onChange={speak}
        />
      </Group>
    </Section>
  );
}
