/**
 * The policy of the web client's page. `frame-ancestors` has no effect in a <meta> element, so whoever serves the page
 * must also send it as a header.
 *
 * `connect-src` is open to other origins because the homeserver may be served from another one.
 * Trusted Types: `dompurify` and `ProseMirrorClipboard` are made by those libraries, `parley` by platform/trusted-types.ts.
 */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  "font-src 'self'",
  "connect-src 'self' http: https:",
  "worker-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types dompurify ProseMirrorClipboard parley',
].join('; ');
