/**
 * Reads the content of a message event into a typed shape (client-server API, "m.room.message msgtypes").
 *
 * Content comes from other people: every field is checked here once, so that nothing further in looks at raw JSON.
 */

export type MessageBody =
  | { kind: 'text'; style: 'plain' | 'notice' | 'emote'; text: string; html?: string }
  | { kind: 'image'; media: MediaInfo; caption?: Caption; isSticker: boolean }
  | { kind: 'video'; media: MediaInfo; caption?: Caption }
  | { kind: 'audio'; media: MediaInfo; caption?: Caption; isVoice: boolean }
  | { kind: 'file'; media: MediaInfo; caption?: Caption }
  | { kind: 'encrypted' }
  | { kind: 'unsupported'; text?: string };

export interface Caption {
  text: string;
  html?: string;
}

/** A medium and its box. Sizes are pixels, `bytes` is the file's size, `durationMs` of audio and video. */
export interface MediaInfo {
  /** `mxc://` address; absent when the sender gave none that parses, or when the file is encrypted. */
  mxc?: string;
  thumbnailMxc?: string;
  name: string;
  mimetype?: string;
  bytes?: number;
  width?: number;
  height?: number;
  durationMs?: number;
  blurhash?: string;
}

type Json = Readonly<Record<string, unknown>>;

const MAX_TEXT = 65_536;
const MAX_PIXELS = 100_000;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The object's own field `name`, so that a key such as `constructor` never reaches the prototype (A9.1). */
export function field(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** The field as text, or undefined when it is something else. */
export function textField(value: unknown, name: string): string | undefined {
  const text = field(value, name);
  return typeof text === 'string' ? text.slice(0, MAX_TEXT) : undefined;
}

function sizeField(value: unknown, name: string, max: number): number | undefined {
  const size = field(value, name);
  return typeof size === 'number' && Number.isFinite(size) && size > 0 && size <= max ? Math.round(size) : undefined;
}

function mxcField(value: unknown, name: string): string | undefined {
  const uri = textField(value, name);
  return uri?.startsWith('mxc://') ? uri : undefined;
}

function formattedBody(content: unknown): string | undefined {
  return textField(content, 'format') === 'org.matrix.custom.html' ? textField(content, 'formatted_body') : undefined;
}

/** Whether the content is a reply, and to which event: `m.relates_to`.`m.in_reply_to`.`event_id`. */
export function replyTarget(content: unknown): string | undefined {
  const relation = field(content, 'm.relates_to');
  // A reply inside a thread that is only there for clients without threads is no reply to show.
  if (field(relation, 'rel_type') === 'm.thread' && field(relation, 'is_falling_back') === true) return undefined;
  return textField(field(relation, 'm.in_reply_to'), 'event_id');
}

/**
 * Removes the quoted text that clients put in front of a reply's `body` before spec v1.13.
 * Only the form those clients wrote is removed, because a reply may begin with a quote of its own.
 */
export function stripReplyFallback(body: string): string {
  if (!/^> (?:\* )?<@[^>\n]+>/.test(body)) return body;
  const lines = body.split('\n');
  let first = 0;
  while (first < lines.length && lines[first]?.startsWith('> ')) first += 1;
  if (lines[first] === '') first += 1;
  return lines.slice(first).join('\n');
}

function readMedia(content: unknown): MediaInfo {
  const info = field(content, 'info');
  const name = textField(content, 'filename') || textField(content, 'body') || '';
  const media: MediaInfo = { name: name.slice(0, 255) };
  const optional: Partial<MediaInfo> = {
    mxc: mxcField(content, 'url'),
    thumbnailMxc: mxcField(info, 'thumbnail_url'),
    mimetype: textField(info, 'mimetype')?.toLowerCase(),
    bytes: sizeField(info, 'size', Number.MAX_SAFE_INTEGER),
    width: sizeField(info, 'w', MAX_PIXELS),
    height: sizeField(info, 'h', MAX_PIXELS),
    durationMs: sizeField(info, 'duration', Number.MAX_SAFE_INTEGER),
    blurhash: textField(info, 'xyz.amorgan.blurhash')?.slice(0, 128),
  };
  for (const [key, value] of Object.entries(optional)) if (value !== undefined) Object.assign(media, { [key]: value });
  return media;
}

/** The caption of a media message: `body`, when there is a `filename` that differs from it (spec v1.10). */
function readCaption(content: unknown): Caption | undefined {
  const text = textField(content, 'body');
  const filename = textField(content, 'filename');
  if (!text || filename === undefined || text === filename) return undefined;
  const html = formattedBody(content);
  return html === undefined ? { text } : { text, html };
}

function readText(content: unknown, style: 'plain' | 'notice' | 'emote', isReply: boolean): MessageBody {
  const body = textField(content, 'body');
  if (body === undefined) return { kind: 'unsupported' };
  const html = formattedBody(content);
  const text = isReply ? stripReplyFallback(body) : body;
  return html === undefined ? { kind: 'text', style, text } : { kind: 'text', style, text, html };
}

function readMediaMessage(kind: 'image' | 'video' | 'audio' | 'file', content: unknown): MessageBody {
  const media = readMedia(content);
  const caption = readCaption(content);
  const withCaption = caption ? { media, caption } : { media };
  if (kind === 'image') return { kind, ...withCaption, isSticker: false };
  if (kind === 'audio') {
    return { kind, ...withCaption, isVoice: field(content, 'org.matrix.msc3245.voice') !== undefined };
  }
  return { kind, ...withCaption };
}

/**
 * The body of an event as the timeline shows it.
 *
 * @param type the event's type
 * @param content its content, with the newest edit applied
 */
export function readBody(type: string, content: unknown): MessageBody {
  if (type === 'm.room.encrypted') return { kind: 'encrypted' };
  if (type === 'm.sticker') return { kind: 'image', media: readMedia(content), isSticker: true };
  if (type !== 'm.room.message') return unsupported(content);
  const isReply = replyTarget(content) !== undefined;
  switch (textField(content, 'msgtype')) {
    case 'm.text':
      return readText(content, 'plain', isReply);
    case 'm.notice':
      return readText(content, 'notice', isReply);
    case 'm.emote':
      return readText(content, 'emote', isReply);
    case 'm.image':
      return readMediaMessage('image', content);
    case 'm.video':
      return readMediaMessage('video', content);
    case 'm.audio':
      return readMediaMessage('audio', content);
    case 'm.file':
      return readMediaMessage('file', content);
    default:
      return unsupported(content);
  }
}

function unsupported(content: unknown): MessageBody {
  const text = textField(content, 'body');
  return text ? { kind: 'unsupported', text } : { kind: 'unsupported' };
}

/** One line that stands for the body in a reply quote or a notification; '' when there is nothing to say in words. */
export function previewText(body: MessageBody): string {
  if (body.kind === 'text') return body.text.replace(/\s+/g, ' ').trim().slice(0, 300);
  if (body.kind === 'encrypted') return '';
  if (body.kind === 'unsupported') return body.text?.replace(/\s+/g, ' ').slice(0, 300) ?? '';
  return body.caption?.text.replace(/\s+/g, ' ').slice(0, 300) ?? body.media.name;
}
