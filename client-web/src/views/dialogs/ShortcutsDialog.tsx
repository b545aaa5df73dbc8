import { useT } from '../i18n.tsx';
import { keyNames, shortcuts } from '../shell/shortcuts.ts';
import { Dialog } from '../ui/Dialog.tsx';
import styles from './ShortcutsDialog.module.css';

/** What the composer understands, beside the keys that work everywhere. */
const composerKeys = [
  { id: 'send', keys: ['Enter'] },
  { id: 'newLine', keys: ['shift', 'Enter'] },
  { id: 'editLast', keys: ['↑'] },
  { id: 'cancelEdit', keys: ['Esc'] },
] as const;

export function ShortcutsDialog({ onClose }: { onClose: () => void }) {
  const t = useT('shortcuts');
  return (
    <Dialog title={t('title')} isOpen onOpenChange={onClose}>
      <KeyList title={t('everywhere')} entries={shortcuts} />
      <KeyList title={t('writing')} entries={composerKeys} />
    </Dialog>
  );
}

function KeyList({ title, entries }: { title: string; entries: readonly { id: string; keys: readonly string[] }[] }) {
  const t = useT('shortcuts');
  return (
    <section>
      <h3 className={styles.heading}>{title}</h3>
      <dl className={styles.list}>
        {entries.map(({ id, keys }) => (
          <div key={id} className={styles.row}>
            <dt>{t(id)}</dt>
            <dd>
              {keyNames(keys).map((key) => (
                <kbd key={key} className={styles.key}>
                  {key}
                </kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
