import { Camera, Trash2 } from 'lucide-react';
import { Button as AriaButton } from 'react-aria-components/Button';
import { FileTrigger } from 'react-aria-components/FileTrigger';
import { useT } from '../i18n.tsx';
import { Avatar } from './Avatar.tsx';
import styles from './AvatarPicker.module.css';
import { Button } from './Button.tsx';

export interface AvatarPickerProps {
  id: string;
  name: string;
  mxc: string | undefined;
  shape: 'user' | 'room';
  isEditable: boolean;
  /** There is a picture that can be removed. */
  hasOwn: boolean;
  onChange: (file: File | undefined) => void;
}

/** A large picture; whoever may, changes it by pressing it. */
export function AvatarPicker({ id, name, mxc, shape, isEditable, hasOwn, onChange }: AvatarPickerProps) {
  const t = useT('common');
  const avatar = <Avatar id={id} name={name} mxc={mxc} size={96} shape={shape} />;
  if (!isEditable) return <span className={styles.picker}>{avatar}</span>;
  return (
    <div className={styles.picker}>
      <FileTrigger
        acceptedFileTypes={['image/png', 'image/jpeg', 'image/webp', 'image/gif']}
        onSelect={(files) => files?.[0] && onChange(files[0])}
      >
        <AriaButton className={styles.button ?? ''} data-shape={shape} aria-label={t('changePicture')}>
          {avatar}
          <span className={styles.camera}>
            <Camera size={16} strokeWidth={1.75} aria-hidden />
          </span>
        </AriaButton>
      </FileTrigger>
      {hasOwn && (
        <Button size="s" variant="ghost" icon={Trash2} onPress={() => onChange(undefined)}>
          {t('removePicture')}
        </Button>
      )}
    </div>
  );
}
