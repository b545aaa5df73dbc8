import { useT } from '../i18n.tsx';
import { useSession } from '../session-context.tsx';
import { Banner } from '../ui/Banner.tsx';
import { Switch } from '../ui/Switch.tsx';
import { useViewModel } from '../ui/use-view-model.ts';
import { Group, Section } from './Section.tsx';

export function NotificationsSection() {
  const t = useT('settings');
  const session = useSession();
  const { permission } = useViewModel(session.notifications);
  const { notifications } = useViewModel(session.preferences);
  return (
    <Section title={t('notifications')}>
      <Group>
        {permission === 'denied' && <Banner tone="warning">{t('notificationsDenied')}</Banner>}
        {permission === 'unsupported' && <Banner tone="warning">{t('notificationsUnsupported')}</Banner>}
        <Switch
          label={t('notificationsOn')}
          description={t('notificationsText')}
          isSelected={notifications && permission === 'granted'}
          isDisabled={permission === 'denied' || permission === 'unsupported'}
          onChange={(on) => {
            if (on) void session.notifications.turnOn();
            else session.notifications.turnOff();
          }}
        />
      </Group>
    </Section>
  );
}
