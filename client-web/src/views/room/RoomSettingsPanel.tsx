import { LogOut, UserPlus } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import type { RoomViewModel } from '../../view-models/room.ts';
import type { RoomSettings, RoomSettingsViewModel } from '../../view-models/room-settings.ts';
import { useDialogs } from '../dialogs/dialogs-context.ts';
import { useT } from '../i18n.tsx';
import { useSession } from '../session-context.tsx';
import { AvatarPicker } from '../ui/AvatarPicker.tsx';
import { Button } from '../ui/Button.tsx';
import { ProblemBanner } from '../ui/ProblemBanner.tsx';
import { TextArea, TextField } from '../ui/TextField.tsx';
import { useToast } from '../ui/Toast.tsx';
import { useOwnedViewModel, useViewModel } from '../ui/use-view-model.ts';
import { RoomAccessSection } from './RoomAccessSection.tsx';
import styles from './RoomSettingsPanel.module.css';

/** What a room is and who may come in. What the user may not change is shown as text. */
export function RoomSettingsPanel({ roomId, viewModel: room }: { roomId: string; viewModel: RoomViewModel }) {
  const t = useT('roomSettings');
  const session = useSession();
  const { open } = useDialogs();
  const { summary } = useViewModel(room);
  const viewModel = useOwnedViewModel(() => session.createRoomSettings(roomId), [session, roomId]);
  const { settings, permissions, problem } = useViewModel(viewModel);
  if (!settings || !summary) return null;
  return (
    <div className={styles.panel}>
      <ProblemBanner problem={problem} />
      <div className={styles.section}>
        <AvatarPicker
          id={summary.directUserId ?? roomId}
          name={summary.name}
          mxc={summary.avatarMxc}
          shape={summary.kind === 'direct' ? 'user' : 'room'}
          isEditable={permissions.setAvatar && summary.kind !== 'direct'}
          hasOwn={settings.avatarMxc !== undefined}
          onChange={(file) => void viewModel.setAvatar(file)}
        />
        {summary.kind === 'direct' ? (
          <p className={styles.directName}>{summary.name}</p>
        ) : (
          <NameAndTopic
            // Starts over when somebody else changes them.
            key={`${settings.name}\n${settings.topic}`}
            settings={settings}
            viewModel={viewModel}
          />
        )}
      </div>
      {summary.kind !== 'direct' && <RoomAccessSection viewModel={viewModel} />}
      <div className={styles.section}>
        {permissions.invite && (
          <Button icon={UserPlus} isBlock onPress={() => open({ name: 'invite', roomId })}>
            {t('invite')}
          </Button>
        )}
        <Button icon={LogOut} variant="warning" isBlock onPress={() => open({ name: 'leave', roomId })}>
          {t(summary.kind === 'direct' ? 'leaveDirect' : 'leave')}
        </Button>
      </div>
      <dl className={styles.facts}>
        <dt>{t('roomId')}</dt>
        <dd>{roomId}</dd>
        <dt>{t('roomVersion')}</dt>
        <dd>{settings.roomVersion}</dd>
        {!settings.isFederated && (
          <>
            <dt>{t('federation')}</dt>
            <dd>{t('notFederated', { server: session.serverName })}</dd>
          </>
        )}
      </dl>
    </div>
  );
}

function NameAndTopic({ settings, viewModel }: { settings: RoomSettings; viewModel: RoomSettingsViewModel }) {
  const t = useT('roomSettings');
  const common = useT('common');
  const toast = useToast();
  const { permissions, pending } = useViewModel(viewModel);
  const [name, setName] = useState(settings.name);
  const [topic, setTopic] = useState(settings.topic);
  const isChanged = name.trim() !== settings.name || topic.trim() !== settings.topic;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (await viewModel.save({ name: name.trim(), topic: topic.trim() })) toast(t('saved'), { tone: 'success' });
  };
  if (!permissions.setName && !permissions.setTopic) {
    return (
      <div className={styles.readOnly}>
        <h3>{settings.name}</h3>
        {settings.topic && <p>{settings.topic}</p>}
      </div>
    );
  }
  return (
    <form className={styles.form} onSubmit={(event) => void submit(event)}>
      <TextField label={t('name')} value={name} onChange={setName} isDisabled={!permissions.setName} maxLength={255} />
      <TextArea
        label={t('topic')}
        value={topic}
        onChange={setTopic}
        isDisabled={!permissions.setTopic}
        maxLength={4000}
      />
      {isChanged && (
        <div className={styles.buttons}>
          <Button
            onPress={() => {
              setName(settings.name);
              setTopic(settings.topic);
            }}
          >
            {common('cancel')}
          </Button>
          <Button type="submit" variant="primary" isPending={pending}>
            {common('save')}
          </Button>
        </div>
      )}
    </form>
  );
}
