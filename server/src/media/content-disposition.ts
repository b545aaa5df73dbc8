/** `Content-Disposition` (RFC 6266) in both directions. File names are text for people; nothing is ever opened by them. */

const MAX_NAME_LENGTH = 255;
const TOKEN_CHARACTER = /[!#$%&'*+.^_`|~0-9A-Za-z-]/;

/** A file name as it is stored: without control characters and halves of surrogate pairs, of bounded length. */
export function cleanFileName(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed.
  const clean = name.toWellFormed().replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '');
  return clean === '' ? undefined : Array.from(clean).slice(0, MAX_NAME_LENGTH).join('');
}

function encodeExtended(name: string): string {
  return encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/**
 * The header for a disposition and a file name. A name beyond ASCII is given twice: as UTF-8 (RFC 8187), and for old readers
 * with `_` in place of what they cannot read.
 */
export function formatContentDisposition(disposition: 'inline' | 'attachment', fileName: string | undefined): string {
  if (fileName === undefined) return disposition;
  const ascii = fileName.replaceAll(/[^\u0020-\u007e]/gu, '_');
  const quoted = `"${ascii.replaceAll(/["\\]/g, '\\$&')}"`;
  if (ascii === fileName) return `${disposition}; filename=${quoted}`;
  return `${disposition}; filename=${quoted}; filename*=UTF-8''${encodeExtended(fileName)}`;
}

/** The file name in a header that a peer sent; `filename*` goes before `filename`. Undefined when there is none to be read. */
export function fileNameOf(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const parameters = readParameters(header);
  return cleanFileName(decodeExtended(parameters.get('filename*')) ?? parameters.get('filename'));
}

/** Parameters by lower-case name, values unquoted; the first of a repeated name counts. Reads each character once. */
function readParameters(header: string): Map<string, string> {
  const parameters = new Map<string, string>();
  let at = header.indexOf(';');
  while (at >= 0 && at < header.length) {
    const equals = header.indexOf('=', at);
    if (equals < 0) break;
    const name = header
      .slice(at + 1, equals)
      .trim()
      .toLowerCase();
    const value = readValue(header, equals + 1);
    if (!parameters.has(name)) parameters.set(name, value.text);
    at = header.indexOf(';', value.end);
  }
  return parameters;
}

function readValue(header: string, from: number): { text: string; end: number } {
  let at = from;
  while (header[at] === ' ') at++;
  let text = '';
  if (header[at] === '"') {
    for (at++; at < header.length && header[at] !== '"'; at++) {
      if (header[at] === '\\') at++;
      text += header[at] ?? '';
    }
    return { text, end: at };
  }
  for (; TOKEN_CHARACTER.test(header[at] ?? ''); at++) text += header[at];
  return { text, end: at };
}

function decodeExtended(value: string | undefined): string | undefined {
  const [charset, , encoded] = value?.split("'") ?? [];
  if (encoded === undefined || charset?.toLowerCase() !== 'utf-8') return undefined;
  try {
    return decodeURIComponent(encoded);
  } catch {
    // Not valid percent-encoded UTF-8: as if the parameter were not there.
    return undefined;
  }
}
