import { Globe, Lock } from 'lucide-react';
import { useState } from 'react';
import { suggestAlias } from '../../view-models/create-channel.ts';
import type { RoomSettingsViewModel } from '../../view-models/room-settings.ts';
import { useT } from '../i18n.tsx';
import { Button } from '../ui/Button.tsx';
import { RadioCards } from '../ui/RadioCards.tsx';
import { Switch } from '../ui/Switch.tsx';
import { TextField } from '../ui/TextField.tsx';
import { useViewModel } from '../ui/use-view-model.ts';
import styles from './RoomSettingsPanel.module.css';

/** Who may join, whether the directory shows the room, and its address. */
export function RoomAccessSection({ viewModel }: { viewModel: RoomSettingsViewModel }) {
  const t = useT('roomSettings');
  const { settings, permissions, isListed, pending } = useViewModel(viewModel);
  if (!settings) return null;
  const { access } = settings;
  return (
    <section className={styles.section} aria-labelledby="room-access">
      <h3 id="room-access" className={styles.heading}>
        {t('access')}
      </h3>
      {access === 'other' || !permissions.setJoinRule ? (
        <p className={styles.muted}>{t(`access_${access}`)}</p>
      ) : (
        <RadioCards
          label={t('access')}
          isLabelHidden
          value={access}
          isDisabled={pending}
          cards={[
            { value: 'invite', label: t('private'), description: t('access_invite'), icon: Lock },
            { value: 'public', label: t('public'), description: t('access_public'), icon: Globe },
          ]}
          onChange={(value) => void viewModel.setAccess(value)}
        />
      )}
      {isListed !== undefined && permissions.setAlias && (
        <Switch
          label={t('listed')}
          description={t('listedText', { server: viewModel.serverName })}
          isSelected={isListed}
          isDisabled={pending}
          onChange={(listed) => void viewModel.setListed(listed)}
        />
      )}
      <Address viewModel={viewModel} />
    </section>
  );
}

function Address({ viewModel }: { viewModel: RoomSettingsViewModel }) {
  const t = useT('roomSettings');
  const common = useT('common');
  const { settings, permissions, pending } = useViewModel(viewModel);
  const [localpart, setLocalpart] = useState<string>();
  const alias = settings?.canonicalAlias;
  if (!permissions.setAlias) {
    return alias ? <p className={styles.muted}>{alias}</p> : null;
  }
  if (localpart === undefined) {
    return (
      <div className={styles.address}>
        <span className={alias ? undefined : styles.muted}>{alias ?? t('noAddress')}</span>
        <Button size="s" onPress={() => setLocalpart(suggestAlias(settings?.name ?? ''))}>
          {t(alias ? 'changeAddress' : 'addAddress')}
        </Button>
      </div>
    );
  }
  const save = async () => {
    if (await viewModel.setAlias(localpart)) setLocalpart(undefined);
  };
  return (
    <div className={styles.form}>
      <TextField
        label={t('address')}
        prefix="#"
        suffix={`:${viewModel.serverName}`}
        value={localpart}
        onChange={(text) => setLocalpart(suggestAlias(text))}
        isIdentifier
        autoFocus
      />
      <div className={styles.buttons}>
        <Button onPress={() => setLocalpart(undefined)}>{common('cancel')}</Button>
        <Button variant="primary" isPending={pending} isDisabled={localpart === ''} onPress={() => void save()}>
          {common('save')}
        </Button>
      </div>
    </div>
  );
}
