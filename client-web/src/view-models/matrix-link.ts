/** What a Matrix address points at. Room is a room id (`!…`) or an alias (`#…`). */
export type MatrixLink =
  | { kind: 'user'; userId: string }
  | { kind: 'room'; room: string; via: readonly string[] }
  | { kind: 'event'; room: string; eventId: string; via: readonly string[] };

const USER_ID = /^@[^\s:]{0,255}:[^\s/?#]{1,255}$/;
const ROOM_ID = /^![^\s/?#]{1,255}$/;
const ALIAS = /^#[^\s:]{1,255}:[^\s/?#]{1,255}$/;
const EVENT_ID = /^\$\S{1,255}$/;

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not percent-encoded text, hence no address of ours.
    return undefined;
  }
}

function build(first: string | undefined, second: string | undefined, via: string[]): MatrixLink | undefined {
  if (first === undefined) return undefined;
  if (USER_ID.test(first)) return second === undefined ? { kind: 'user', userId: first } : undefined;
  if (!ROOM_ID.test(first) && !ALIAS.test(first)) return undefined;
  if (second === undefined) return { kind: 'room', room: first, via };
  return EVENT_ID.test(second) ? { kind: 'event', room: first, eventId: second, via } : undefined;
}

function parseMatrixTo(fragment: string): MatrixLink | undefined {
  const [path = '', query = ''] = fragment.replace(/^\/?/, '').split('?', 2);
  const [first = '', second, ...rest] = path.split('/');
  if (rest.some((part) => part !== '')) return undefined;
  return build(
    decode(first),
    second === undefined || second === '' ? undefined : decode(second),
    new URLSearchParams(query).getAll('via'),
  );
}

const URI_SIGILS = new Map([
  ['u', '@'],
  ['user', '@'],
  ['r', '#'],
  ['room', '#'],
  ['roomid', '!'],
]);

function parseMatrixUri(uri: string): MatrixLink | undefined {
  const [path = '', query = ''] = uri.slice('matrix:'.length).split('?', 2);
  const [type = '', id = '', subType, subId, ...rest] = path.replace(/^\/\/[^/]*\//, '').split('/');
  const sigil = URI_SIGILS.get(type);
  const decoded = decode(id);
  if (sigil === undefined || !decoded || rest.length > 0) return undefined;
  if (subType !== undefined && subType !== 'e' && subType !== 'event') return undefined;
  const event = subId === undefined ? undefined : decode(subId);
  if (subType !== undefined && event === undefined) return undefined;
  return build(
    sigil + decoded,
    event === undefined ? undefined : `$${event}`,
    new URLSearchParams(query).getAll('via'),
  );
}

/**
 * Reads a link to a user, room or event: `https://matrix.to/#/…` or a `matrix:` URI (appendices, "URIs").
 *
 * @returns undefined when the address is no such link
 */
export function parseMatrixLink(url: string): MatrixLink | undefined {
  const matrixTo = /^https?:\/\/(?:www\.)?matrix\.to\/#(.*)$/is.exec(url);
  if (matrixTo) return parseMatrixTo(matrixTo[1] ?? '');
  return /^matrix:/i.test(url) ? parseMatrixUri(url) : undefined;
}

/**
 * A `https://matrix.to/` link.
 *
 * @param id user id, room id or alias
 * @param options `eventId` of an event in the room; `via`: servers that are in the room, for room ids
 */
export function matrixToLink(id: string, options: { eventId?: string; via?: readonly string[] } = {}): string {
  const event = options.eventId === undefined ? '' : `/${encodeURIComponent(options.eventId)}`;
  const via = (options.via ?? []).map((server) => `via=${encodeURIComponent(server)}`).join('&');
  // Sigils and the colon may stand as they are, which keeps the link readable.
  const readable = encodeURIComponent(id).replace(/%(40|3A|21|23)/gi, (escaped) =>
    escaped === '%23' ? escaped : decodeURIComponent(escaped),
  );
  return `https://matrix.to/#/${readable}${event}${via === '' ? '' : `?${via}`}`;
}
