import type { ReactNode, Ref } from 'react';
import { FieldError } from 'react-aria-components/FieldError';
import { Input } from 'react-aria-components/Input';
import { Label } from 'react-aria-components/Label';
import { Text } from 'react-aria-components/Text';
import { TextArea as AriaTextArea } from 'react-aria-components/TextArea';
import { TextField as AriaTextField, type TextFieldProps as AriaTextFieldProps } from 'react-aria-components/TextField';
import styles from './TextField.module.css';

export interface TextFieldProps extends Omit<AriaTextFieldProps, 'children' | 'className' | 'style'> {
  label: string;
  /** Help that is always there. */
  description?: ReactNode;
  /** What is wrong and what to do about it; the field is invalid while there is one. */
  error?: string | undefined;
  placeholder?: string;
  /** Before and after the text, inside the frame: `@`, `:server`, a button. */
  prefix?: ReactNode;
  suffix?: ReactNode;
  /** The label is read aloud but not shown. */
  isLabelHidden?: boolean;
  /** A name or code: no capitals, corrections or spelling marks. */
  isIdentifier?: boolean;
  inputRef?: Ref<HTMLInputElement>;
}

export function TextField({
  label,
  description,
  error,
  placeholder,
  prefix,
  suffix,
  isLabelHidden,
  isIdentifier,
  inputRef,
  ...props
}: TextFieldProps) {
  return (
    <AriaTextField {...props} isInvalid={error !== undefined} className={styles.field ?? ''} validationBehavior="aria">
      <Label className={isLabelHidden ? 'visually-hidden' : (styles.label ?? '')}>{label}</Label>
      <div className={styles.frame}>
        {prefix && <span className={styles.affix}>{prefix}</span>}
        <Input
          className={styles.input ?? ''}
          placeholder={placeholder}
          {...(inputRef ? { ref: inputRef } : {})}
          {...(isIdentifier ? { autoCapitalize: 'none', autoCorrect: 'off', spellCheck: false } : {})}
        />
        {suffix && <span className={styles.affix}>{suffix}</span>}
      </div>
      <FieldFoot description={description} error={error} />
    </AriaTextField>
  );
}

export interface TextAreaProps extends Omit<TextFieldProps, 'prefix' | 'suffix' | 'inputRef' | 'isIdentifier'> {
  rows?: number;
}

export function TextArea({ label, description, error, placeholder, isLabelHidden, rows = 3, ...props }: TextAreaProps) {
  return (
    <AriaTextField {...props} isInvalid={error !== undefined} className={styles.field ?? ''} validationBehavior="aria">
      <Label className={isLabelHidden ? 'visually-hidden' : (styles.label ?? '')}>{label}</Label>
      <div className={styles.frame}>
        <AriaTextArea className={`${styles.input} ${styles.area}`} placeholder={placeholder} rows={rows} />
      </div>
      <FieldFoot description={description} error={error} />
    </AriaTextField>
  );
}

function FieldFoot({ description, error }: { description: ReactNode; error: string | undefined }) {
  return (
    <>
      {description && error === undefined && (
        <Text slot="description" className={styles.description ?? ''}>
          {description}
        </Text>
      )}
      <FieldError className={styles.error ?? ''}>{error}</FieldError>
    </>
  );
}
