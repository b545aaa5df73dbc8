import type { MediaFacts } from '../platform/media-file.ts';
import type { WrittenMessage } from './composer-document.ts';

/** The parts of an uploaded file that go into its message. */
export interface UploadedFile {
  name: string;
  /** MIME type; '' when the system does not know it. */
  type: string;
  bytes: number;
  mxc: string;
  facts: MediaFacts;
  /** Address and size of the uploaded thumbnail. */
  thumbnail?: { mxc: string; type: string; bytes: number; width: number; height: number };
}

function infoOf(file: UploadedFile): Record<string, unknown> {
  const { facts, thumbnail } = file;
  return {
    ...(file.type && { mimetype: file.type }),
    size: file.bytes,
    ...(facts.width && { w: facts.width }),
    ...(facts.height && { h: facts.height }),
    ...(facts.durationMs && { duration: facts.durationMs }),
    // Not in the spec yet (MSC2448), but what other clients read.
    ...(facts.blurhash && { 'xyz.amorgan.blurhash': facts.blurhash }),
    ...(thumbnail && {
      thumbnail_url: thumbnail.mxc,
      thumbnail_info: { mimetype: thumbnail.type, size: thumbnail.bytes, w: thumbnail.width, h: thumbnail.height },
    }),
  };
}

/**
 * The content of an `m.image`, `m.video`, `m.audio` or `m.file` message.
 *
 * @param caption what was written with it (spec v1.10, media captions)
 */
export function mediaMessage(
  file: UploadedFile,
  caption?: WrittenMessage,
): { msgtype: string; body: string; [key: string]: unknown } {
  const { body = file.name, format, formatted_body } = caption ?? {};
  return {
    msgtype: `m.${file.facts.kind}`,
    body,
    filename: file.name,
    ...(format && { format, formatted_body }),
    url: file.mxc,
    info: infoOf(file),
    'm.mentions': caption?.['m.mentions'] ?? {},
  };
}

/** The content of a media message with another caption, or none. */
export function withCaption(
  content: Readonly<Record<string, unknown>>,
  caption: WrittenMessage | undefined,
): { msgtype: string; body: string; [key: string]: unknown } {
  const {
    msgtype,
    body,
    filename,
    format: _format,
    formatted_body: _html,
    'm.relates_to': _relation,
    ...media
  } = content;
  // Before there were captions, the body was the name.
  const name = String(filename ?? body ?? '');
  return {
    ...media,
    msgtype: String(msgtype),
    body: caption?.body ?? name,
    filename: name,
    ...(caption?.format && { format: caption.format, formatted_body: caption.formatted_body }),
    'm.mentions': caption?.['m.mentions'] ?? {},
  };
}
