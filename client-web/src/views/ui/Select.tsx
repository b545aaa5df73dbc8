import { Check, ChevronDown } from 'lucide-react';
import { Button } from 'react-aria-components/Button';
import { Label } from 'react-aria-components/Label';
import { ListBox, ListBoxItem } from 'react-aria-components/ListBox';
import { Popover } from 'react-aria-components/Popover';
import { Select as AriaSelect, SelectValue } from 'react-aria-components/Select';
import { Text } from 'react-aria-components/Text';
import styles from './Select.module.css';
import fieldStyles from './TextField.module.css';

export interface SelectOption<Value extends string> {
  value: Value;
  label: string;
  description?: string;
}

export interface SelectProps<Value extends string> {
  label: string;
  isLabelHidden?: boolean;
  value: Value;
  options: readonly SelectOption<Value>[];
  isDisabled?: boolean;
  onChange: (value: Value) => void;
}

export function Select<Value extends string>(props: SelectProps<Value>) {
  const { label, isLabelHidden, value, options, isDisabled, onChange } = props;
  return (
    <AriaSelect
      className={fieldStyles.field ?? ''}
      value={value}
      onChange={(key) => key !== null && onChange(key as Value)}
      isDisabled={isDisabled ?? false}
    >
      <Label className={isLabelHidden ? 'visually-hidden' : (fieldStyles.label ?? '')}>{label}</Label>
      <Button className={styles.button ?? ''}>
        <SelectValue className={styles.value ?? ''}>
          {options.find((option) => option.value === value)?.label}
        </SelectValue>
        <ChevronDown size={16} strokeWidth={1.75} aria-hidden />
      </Button>
      <Popover className={styles.popover ?? ''} offset={4}>
        <ListBox className={styles.list ?? ''} items={options}>
          {(option) => (
            <ListBoxItem id={option.value} textValue={option.label} className={styles.item ?? ''}>
              {({ isSelected }) => (
                <>
                  <span className={styles.text}>
                    <Text slot="label">{option.label}</Text>
                    {option.description && (
                      <Text slot="description" className={styles.description ?? ''}>
                        {option.description}
                      </Text>
                    )}
                  </span>
                  {isSelected && <Check size={16} strokeWidth={2} aria-hidden />}
                </>
              )}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </AriaSelect>
  );
}
