/** What the page's content security policy must hear before it runs a script from an address. */
interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ): {
    createScriptURL(url: string): string;
  };
}

/** Makes workers that run one script of ours, and refuses any other. */
export function createWorkerFactory(window: Window & { readonly trustedTypes?: TrustedTypes }, url: string) {
  const createScriptURL = (asked: string): string => {
    if (asked !== url) throw new TypeError('Not a script of this app');
    return asked;
  };
  const policy = window.trustedTypes?.createPolicy('parley', { createScriptURL });
  return (): Worker => new Worker((policy ?? { createScriptURL }).createScriptURL(url), { type: 'module' });
}
