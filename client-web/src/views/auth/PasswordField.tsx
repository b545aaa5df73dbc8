import { Eye, EyeOff } from 'lucide-react';
import { useState } from 'react';
import { Button } from 'react-aria-components/Button';
import { useT } from '../i18n.tsx';
import { TextField, type TextFieldProps } from '../ui/TextField.tsx';
import styles from './PasswordField.module.css';

/** A password that can be looked at while it is typed. */
export function PasswordField(props: Omit<TextFieldProps, 'type' | 'suffix'>) {
  const t = useT('auth');
  const [isShown, setShown] = useState(false);
  const Icon = isShown ? EyeOff : Eye;
  return (
    <TextField
      {...props}
      type={isShown ? 'text' : 'password'}
      suffix={
        // Without a tooltip, whose code the sign-in page does not need for anything else.
        <Button
          className={styles.button ?? ''}
          aria-label={t(isShown ? 'hidePassword' : 'showPassword')}
          onPress={() => setShown(!isShown)}
        >
          <Icon size={16} strokeWidth={1.75} aria-hidden />
        </Button>
      }
    />
  );
}
