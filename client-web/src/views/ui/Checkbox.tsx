import { Check } from 'lucide-react';
import type { ReactNode } from 'react';
import { Checkbox as AriaCheckbox } from 'react-aria-components/Checkbox';
import styles from './Checkbox.module.css';

export interface CheckboxProps {
  isSelected: boolean;
  isDisabled?: boolean;
  onChange: (isSelected: boolean) => void;
  children: ReactNode;
}

export function Checkbox({ isSelected, isDisabled, onChange, children }: CheckboxProps) {
  return (
    <AriaCheckbox
      className={styles.checkbox ?? ''}
      isSelected={isSelected}
      isDisabled={isDisabled ?? false}
      onChange={onChange}
    >
      <span className={styles.box}>{isSelected && <Check size={12} strokeWidth={3} aria-hidden />}</span>
      {children}
    </AriaCheckbox>
  );
}
