import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useT } from '../i18n.tsx';
import { IconButton } from '../ui/IconButton.tsx';
import styles from './CodeBlock.module.css';
import type { CodeToken } from './highlight.ts';

const MAX_HIGHLIGHTED = 20_000;
const COPIED_MS = 2000;

/** Code with its language's name and a button that copies it; scrolls inside itself. */
export function CodeBlock({ code, language }: { code: string; language: string | undefined }) {
  const tokens = useHighlighted(code, language);
  return (
    <figure className={styles.block}>
      <figcaption className={styles.header}>
        <span>{language ?? ''}</span>
        <CopyButton text={code} />
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <pre className={styles.code} tabIndex={0}>
        <code>
          {tokens
            ? tokens.map((token, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: the tokens of one text never move
                <span key={index} data-token={token.scope}>
                  {token.text}
                </span>
              ))
            : code}
        </code>
      </pre>
    </figure>
  );
}

/** Colours come once the highlighter is loaded; they do not change the size of the text. */
function useHighlighted(code: string, language: string | undefined): readonly CodeToken[] | undefined {
  const [tokens, setTokens] = useState<{ code: string; tokens: readonly CodeToken[] | undefined }>();
  useEffect(() => {
    if (!language || code.length > MAX_HIGHLIGHTED) return;
    let isShown = true;
    import('./highlight.ts').then(
      ({ highlight }) => isShown && setTokens({ code, tokens: highlight(code, language) }),
      () => {
        // Without colours, then: the code is readable as it is.
      },
    );
    return () => {
      isShown = false;
    };
  }, [code, language]);
  return tokens?.code === code ? tokens.tokens : undefined;
}

function CopyButton({ text }: { text: string }) {
  const t = useT('timeline');
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), COPIED_MS);
    return () => clearTimeout(timer);
  }, [isCopied]);
  return (
    <IconButton
      size="s"
      icon={isCopied ? Check : Copy}
      label={isCopied ? t('copied') : t('copyCode')}
      onPress={() => {
        void navigator.clipboard.writeText(text).then(() => setCopied(true));
      }}
    />
  );
}
