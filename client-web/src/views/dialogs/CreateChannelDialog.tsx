import { Globe, Lock } from 'lucide-react';
import { type FormEvent, useId, useState } from 'react';
import { suggestAlias } from '../../view-models/create-channel.ts';
import { useT } from '../i18n.tsx';
import { useNavigation } from '../navigation.ts';
import { useSession } from '../session-context.tsx';
import { Button } from '../ui/Button.tsx';
import { Checkbox } from '../ui/Checkbox.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { ProblemBanner } from '../ui/ProblemBanner.tsx';
import { RadioCards } from '../ui/RadioCards.tsx';
import { TextField } from '../ui/TextField.tsx';
import { useOwnedViewModel, useViewModel } from '../ui/use-view-model.ts';
import styles from './dialogs.module.css';

export function CreateChannelDialog({ onClose }: { onClose: () => void }) {
  const t = useT('dialogs');
  const common = useT('common');
  const session = useSession();
  const { openRoom } = useNavigation();
  const viewModel = useOwnedViewModel(() => session.createNewChannel(), [session]);
  const state = useViewModel(viewModel);
  const formId = useId();
  const [name, setName] = useState('');
  const [topic, setTopic] = useState('');
  const [access, setAccess] = useState<AccessKind>('private');
  // The address follows the name until somebody writes one.
  const [ownAlias, setOwnAlias] = useState<string>();
  const [isFederated, setFederated] = useState(true);
  const alias = ownAlias ?? suggestAlias(name);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (name.trim() === '') return;
    const roomId = await viewModel.create({
      name: name.trim(),
      topic: topic.trim(),
      isPublic: access === 'public',
      aliasLocalpart: alias,
      isFederated,
    });
    if (!roomId) return;
    onClose();
    openRoom(roomId);
  };

  return (
    <Dialog
      title={t('createChannel')}
      isOpen
      onOpenChange={onClose}
      footer={
        <>
          <Button onPress={onClose}>{common('cancel')}</Button>
          <Button
            type="submit"
            form={formId}
            variant="primary"
            isPending={state.pending}
            isDisabled={name.trim() === ''}
          >
            {t('create')}
          </Button>
        </>
      }
    >
      <form id={formId} className={styles.form} onSubmit={(event) => void submit(event)}>
        <ProblemBanner problem={state.problem} />
        <TextField
          label={t('name')}
          value={name}
          onChange={setName}
          placeholder={t('namePlaceholder')}
          maxLength={255}
          autoFocus
          autoComplete="off"
        />
        <TextField
          label={t('topic')}
          description={t('topicHelp')}
          value={topic}
          onChange={setTopic}
          maxLength={4000}
          autoComplete="off"
        />
        <AccessChoice value={access} onChange={setAccess} />
        {access === 'public' && (
          <TextField
            label={t('address')}
            description={t('addressHelp')}
            prefix="#"
            suffix={`:${viewModel.serverName}`}
            value={alias}
            onChange={(text) => setOwnAlias(suggestAlias(text))}
            error={state.aliasTaken ? t('addressTaken') : undefined}
            isIdentifier
          />
        )}
        <Checkbox isSelected={!isFederated} onChange={(only) => setFederated(!only)}>
          {t('onlyHere', { server: session.serverName })}
        </Checkbox>
      </form>
    </Dialog>
  );
}

type AccessKind = 'public' | 'private';

function AccessChoice({ value, onChange }: { value: AccessKind; onChange: (value: AccessKind) => void }) {
  const t = useT('dialogs');
  const { serverName } = useSession();
  return (
    <RadioCards
      label={t('access')}
      value={value}
      cards={[
        { value: 'private', label: t('private'), description: t('privateText'), icon: Lock },
        { value: 'public', label: t('public'), description: t('publicText', { server: serverName }), icon: Globe },
      ]}
      onChange={onChange}
    />
  );
}
