import hljs from 'highlight.js/lib/common';

/** A run of code with the highlighter's name for what it is (`keyword`, `string` …). */
export interface CodeToken {
  text: string;
  scope?: string;
}

interface EmitterOptions {
  classPrefix: string;
}

/**
 * Collects what the highlighter finds as plain data instead of markup, so that nothing has to be parsed as HTML.
 * The methods are those the highlighter calls on its emitter.
 */
class TokenEmitter {
  readonly tokens: CodeToken[] = [];
  readonly #scopes: string[] = [];
  readonly options: EmitterOptions;

  constructor(options: EmitterOptions) {
    this.options = options;
  }

  addText(text: string): void {
    if (text === '') return;
    const scope = this.#scopes.at(-1);
    this.tokens.push(scope === undefined ? { text } : { text, scope });
  }

  openNode(scope: string): void {
    this.#scopes.push(scope.split('.', 1)[0] ?? scope);
  }

  closeNode(): void {
    this.#scopes.pop();
  }

  startScope(scope: string): void {
    this.openNode(scope);
  }

  endScope(): void {
    this.closeNode();
  }

  __addSublanguage(other: TokenEmitter): void {
    this.tokens.push(...other.tokens);
  }

  finalize(): void {}

  toHTML(): string {
    return '';
  }
}

hljs.configure({ __emitter: TokenEmitter as never });

/** The code as coloured runs, or undefined when the language is not known. */
export function highlight(code: string, language: string): readonly CodeToken[] | undefined {
  if (!hljs.getLanguage(language)) return undefined;
  const result = hljs.highlight(code, { language, ignoreIllegals: true });
  return (result as unknown as { _emitter: TokenEmitter })._emitter.tokens;
}
