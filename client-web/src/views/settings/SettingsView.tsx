import { useParams } from '@tanstack/react-router';
import { ArrowLeft, Bell, type LucideIcon, MonitorSmartphone, Palette, ShieldCheck, UserRound } from 'lucide-react';
import type { ComponentType } from 'react';
import { useT } from '../i18n.tsx';
import { useNavigation } from '../navigation.ts';
import { IconButton } from '../ui/IconButton.tsx';
import { AccountSection } from './AccountSection.tsx';
import { AppearanceSection } from './AppearanceSection.tsx';
import { DevicesSection } from './DevicesSection.tsx';
import { NotificationsSection } from './NotificationsSection.tsx';
import { ProfileSection } from './ProfileSection.tsx';
import styles from './SettingsView.module.css';

const sections: readonly { id: string; icon: LucideIcon; content: ComponentType }[] = [
  { id: 'profile', icon: UserRound, content: ProfileSection },
  { id: 'appearance', icon: Palette, content: AppearanceSection },
  { id: 'notifications', icon: Bell, content: NotificationsSection },
  { id: 'devices', icon: MonitorSmartphone, content: DevicesSection },
  { id: 'account', icon: ShieldCheck, content: AccountSection },
];

/** One's own settings, a page each. */
export function SettingsView() {
  const t = useT('settings');
  const { section } = useParams({ from: '/settings/$section' });
  const { openHome } = useNavigation();
  const current = sections.find(({ id }) => id === section) ?? sections[0];
  const Content = current?.content;
  return (
    <main className={styles.page} aria-label={t('title')} data-region>
      <header className={styles.header}>
        <IconButton icon={ArrowLeft} label={t('back')} tooltip={false} onPress={openHome} />
        <h1 className={styles.title}>{t('title')}</h1>
      </header>
      <div className={styles.columns}>
        <nav className={styles.sections} aria-label={t('title')}>
          {sections.map(({ id, icon: Icon }) => (
            <a
              key={id}
              href={`#/settings/${id}`}
              className={styles.link}
              aria-current={id === current?.id ? 'page' : undefined}
            >
              <Icon size={16} strokeWidth={1.75} aria-hidden />
              {t(id)}
            </a>
          ))}
        </nav>
        <div className={styles.content}>{Content && <Content />}</div>
      </div>
    </main>
  );
}
