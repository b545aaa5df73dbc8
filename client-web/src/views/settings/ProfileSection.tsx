import { Copy } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { useT } from '../i18n.tsx';
import { useSession } from '../session-context.tsx';
import { AvatarPicker } from '../ui/AvatarPicker.tsx';
import { Button } from '../ui/Button.tsx';
import { IconButton } from '../ui/IconButton.tsx';
import { ProblemBanner } from '../ui/ProblemBanner.tsx';
import { TextField } from '../ui/TextField.tsx';
import { useToast } from '../ui/Toast.tsx';
import { useViewModel } from '../ui/use-view-model.ts';
import styles from './Section.module.css';
import { Group, Section } from './Section.tsx';

export function ProfileSection() {
  const t = useT('settings');
  const { ownProfile } = useSession();
  const { profile, problem } = useViewModel(ownProfile);
  const toast = useToast();
  const copyId = async () => {
    await navigator.clipboard.writeText(profile.userId);
    toast(t('idCopied'), { tone: 'success' });
  };
  return (
    <Section title={t('profile')}>
      <Group>
        <ProblemBanner problem={problem} />
        <div className={styles.profile}>
          <AvatarPicker
            id={profile.userId}
            name={profile.name}
            mxc={profile.avatarMxc}
            shape="user"
            isEditable
            hasOwn={profile.avatarMxc !== undefined}
            onChange={(file) => void ownProfile.setAvatar(file)}
          />
          <NameForm key={profile.name} />
        </div>
      </Group>
      <Group title={t('userId')} text={t('userIdHelp')}>
        <p className={styles.id}>
          {profile.userId}
          <IconButton icon={Copy} size="s" label={t('copyId')} onPress={() => void copyId()} />
        </p>
      </Group>
    </Section>
  );
}

function NameForm() {
  const t = useT('settings');
  const common = useT('common');
  const toast = useToast();
  const { ownProfile } = useSession();
  const { profile, pending } = useViewModel(ownProfile);
  const [name, setName] = useState(profile.name);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (await ownProfile.setName(name.trim())) toast(t('saved'), { tone: 'success' });
  };
  return (
    <form className={styles.form} onSubmit={(event) => void submit(event)}>
      <TextField
        label={t('displayName')}
        description={t('displayNameHelp')}
        value={name}
        onChange={setName}
        maxLength={255}
        autoComplete="name"
      />
      <div className={styles.buttons}>
        <Button
          type="submit"
          variant="primary"
          isPending={pending}
          isDisabled={name.trim() === '' || name.trim() === profile.name}
        >
          {common('save')}
        </Button>
      </div>
    </form>
  );
}
