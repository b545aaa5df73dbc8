import { Button } from 'react-aria-components/Button';
import type { Person } from '../../view-models/timeline.ts';
import { useT } from '../i18n.tsx';
import { Avatar } from '../ui/Avatar.tsx';
import { Tooltip } from '../ui/Tooltip.tsx';
import styles from './ReadersView.module.css';
import { usePeople } from './use-people.ts';

const MAX_SHOWN = 5;

/** Who has read up to here: small avatars at the right edge, five at most. */
export function ReadersView({ readers }: { readers: readonly Person[] }) {
  const t = useT('timeline');
  const people = usePeople();
  const shown = readers.slice(0, MAX_SHOWN);
  const rest = readers.length - shown.length;
  const who = t('readBy', { people: people(readers, 12) });
  return (
    <Tooltip text={who} placement="top end">
      <Button className={styles.readers ?? ''}>
        <span className="visually-hidden">{who}</span>
        {rest > 0 && (
          <span className={styles.rest} aria-hidden>
            +{rest}
          </span>
        )}
        {shown.map((person) => (
          <span key={person.id} className={styles.reader}>
            <Avatar name={person.name} id={person.id} mxc={person.avatarMxc} size={16} />
          </span>
        ))}
      </Button>
    </Tooltip>
  );
}
