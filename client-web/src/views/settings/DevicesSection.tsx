import { type FormEvent, useId, useState } from 'react';
import type { Device, DevicesViewModel } from '../../view-models/devices.ts';
import { PasswordField } from '../auth/PasswordField.tsx';
import { useT } from '../i18n.tsx';
import { useSession } from '../session-context.tsx';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { ProblemBanner } from '../ui/ProblemBanner.tsx';
import { RelativeTime } from '../ui/RelativeTime.tsx';
import { Skeleton } from '../ui/Skeleton.tsx';
import { TextField } from '../ui/TextField.tsx';
import { useOwnedViewModel, useViewModel } from '../ui/use-view-model.ts';
import styles from './DevicesSection.module.css';
import { Group, Section } from './Section.tsx';

/** Where the account is signed in. */
export function DevicesSection() {
  const t = useT('settings');
  const session = useSession();
  const viewModel = useOwnedViewModel(() => session.createDevices(), [session]);
  const { devices, problem } = useViewModel(viewModel);
  const [removing, setRemoving] = useState<readonly Device[]>();
  const others = devices?.filter((device) => !device.isThisOne) ?? [];
  return (
    <Section title={t('devices')}>
      <Group text={t('devicesText')}>
        <ProblemBanner problem={problem} onRetry={() => void viewModel.load()} />
        {devices ? (
          <ul className={styles.devices}>
            {devices.map((device) => (
              <DeviceRow
                key={device.deviceId}
                device={device}
                viewModel={viewModel}
                onRemove={() => setRemoving([device])}
              />
            ))}
          </ul>
        ) : (
          !problem && <Skeleton width="100%" height={64} />
        )}
        {others.length > 1 && (
          <Button onPress={() => setRemoving(others)}>{t('signOutOthers', { count: others.length })}</Button>
        )}
      </Group>
      {removing && <RemoveDialog devices={removing} viewModel={viewModel} onClose={() => setRemoving(undefined)} />}
    </Section>
  );
}

function DeviceRow(props: { device: Device; viewModel: DevicesViewModel; onRemove: () => void }) {
  const { device, viewModel, onRemove } = props;
  const t = useT('settings');
  const common = useT('common');
  const [name, setName] = useState<string>();
  const rename = async (event: FormEvent) => {
    event.preventDefault();
    if (name !== undefined && (await viewModel.rename(device.deviceId, name.trim()))) setName(undefined);
  };
  if (name !== undefined) {
    return (
      <li className={styles.device}>
        <form className={styles.rename} onSubmit={(event) => void rename(event)}>
          <TextField label={t('deviceName')} isLabelHidden value={name} onChange={setName} maxLength={100} autoFocus />
          <Button type="submit" variant="primary">
            {common('save')}
          </Button>
          <Button onPress={() => setName(undefined)}>{common('cancel')}</Button>
        </form>
      </li>
    );
  }
  return (
    <li className={styles.device}>
      <div className={styles.text}>
        <p className={styles.name}>
          {device.name ?? t('unnamedDevice')}
          {device.isThisOne && <span className={styles.mark}>{t('thisDevice')}</span>}
        </p>
        <p className={styles.facts}>
          {device.deviceId}
          {device.lastSeen !== undefined && (
            <>
              {' · '}
              {t('lastSeen')} <RelativeTime time={device.lastSeen} />
            </>
          )}
          {device.lastSeenIp && ` · ${device.lastSeenIp}`}
        </p>
      </div>
      <Button size="s" variant="ghost" onPress={() => setName(device.name ?? '')}>
        {t('rename')}
      </Button>
      {!device.isThisOne && (
        <Button size="s" onPress={onRemove}>
          {t('signOut')}
        </Button>
      )}
    </li>
  );
}

function RemoveDialog(props: { devices: readonly Device[]; viewModel: DevicesViewModel; onClose: () => void }) {
  const { devices, viewModel, onClose } = props;
  const t = useT('settings');
  const common = useT('common');
  const formId = useId();
  const { pending, wrongPassword, problem } = useViewModel(viewModel);
  const [password, setPassword] = useState('');
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const ids = devices.map((device) => device.deviceId);
    if (await viewModel.remove(ids, password)) onClose();
  };
  return (
    <Dialog
      title={t('removeDevices', { count: devices.length })}
      isOpen
      isAlert
      size="s"
      onOpenChange={onClose}
      footer={
        <>
          <Button onPress={onClose}>{common('cancel')}</Button>
          <Button type="submit" form={formId} variant="danger" isPending={pending} isDisabled={password === ''}>
            {t('signOut')}
          </Button>
        </>
      }
    >
      <form id={formId} className={styles.form} onSubmit={(event) => void submit(event)}>
        <p>{t('removeDevicesText')}</p>
        <ProblemBanner problem={problem} />
        <PasswordField
          label={t('password')}
          value={password}
          onChange={setPassword}
          autoComplete="current-password"
          error={wrongPassword ? t('wrongPassword') : undefined}
          autoFocus
        />
      </form>
    </Dialog>
  );
}
