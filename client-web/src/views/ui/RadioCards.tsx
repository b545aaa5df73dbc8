import type { LucideIcon } from 'lucide-react';
import { Label } from 'react-aria-components/Label';
import { Radio, RadioGroup } from 'react-aria-components/RadioGroup';
import styles from './RadioCards.module.css';

export interface RadioCard<Value extends string> {
  value: Value;
  label: string;
  description?: string;
  icon?: LucideIcon;
  isDisabled?: boolean;
}

export interface RadioCardsProps<Value extends string> {
  label: string;
  isLabelHidden?: boolean;
  value: Value;
  cards: readonly RadioCard<Value>[];
  isDisabled?: boolean;
  onChange: (value: Value) => void;
}

/** One of a few, each explained. */
export function RadioCards<Value extends string>(props: RadioCardsProps<Value>) {
  const { label, isLabelHidden, value, cards, isDisabled, onChange } = props;
  return (
    <RadioGroup
      className={styles.group ?? ''}
      value={value}
      isDisabled={isDisabled ?? false}
      onChange={(chosen) => onChange(chosen as Value)}
    >
      <Label className={isLabelHidden ? 'visually-hidden' : (styles.groupLabel ?? '')}>{label}</Label>
      <div className={styles.cards}>
        {cards.map(({ icon: Icon, ...card }) => (
          <Radio
            key={card.value}
            value={card.value}
            className={styles.card ?? ''}
            isDisabled={card.isDisabled ?? false}
          >
            {Icon && <Icon size={18} strokeWidth={1.75} aria-hidden />}
            <span className={styles.text}>
              <span className={styles.label}>{card.label}</span>
              {card.description && <span className={styles.description}>{card.description}</span>}
            </span>
            <span className={styles.dot} />
          </Radio>
        ))}
      </div>
    </RadioGroup>
  );
}
