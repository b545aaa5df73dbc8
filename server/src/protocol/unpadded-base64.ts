/** Base64 without padding (specification, "Appendices", "Unpadded Base64"), in the standard and the URL-safe alphabet. */

const STANDARD = /^[A-Za-z0-9+/]*={0,2}$/;
const URL_SAFE = /^[A-Za-z0-9_-]*={0,2}$/;

export function encodeBase64(bytes: Uint8Array): string {
  return view(bytes).toString('base64').replace(/=+$/, '');
}

export function encodeBase64Url(bytes: Uint8Array): string {
  return view(bytes).toString('base64url');
}

/** The bytes of standard Base64, with or without padding; `undefined` for anything else. Left-over bits are ignored. */
export function decodeBase64(text: string): Buffer | undefined {
  return STANDARD.test(text) ? decode(text, 'base64') : undefined;
}

/** The bytes of URL-safe Base64, with or without padding; `undefined` for anything else. Left-over bits are ignored. */
export function decodeBase64Url(text: string): Buffer | undefined {
  return URL_SAFE.test(text) ? decode(text, 'base64url') : undefined;
}

function decode(text: string, alphabet: 'base64' | 'base64url'): Buffer | undefined {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const digits = text.length - padding;
  // One digit over a multiple of four holds six bits, which is no byte; padding, if any, must fill up the last four.
  if (digits % 4 === 1 || (padding > 0 && text.length % 4 !== 0)) return undefined;
  return Buffer.from(text, alphabet);
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
